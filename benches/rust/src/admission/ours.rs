//! The live controller, as anyone uses it: a handle for each thread, permits that are dropped.

use lambdacore::{Account, AdmissionController, Function, Handle, Permit, Profile};

use super::limiters::Limiter;

/// One key is an account whose functions share its pool; several are functions with a
/// reservation each.
#[derive(Debug)]
pub struct Controller(AdmissionController);

impl Limiter for Controller {
    const NAME: &'static str = "lambdacore";
    const LINEARIZABLE: bool = true;
    type Handle<'a> = Handle<'a>;
    type Permit<'a> = Permit<'a>;

    fn new(limit: u32, keys: u32, _: u32) -> Self {
        let function = |key| Function {
            reserved_concurrency: (keys > 1).then_some(limit),
            ..Function::named(format!("f{key}"))
        };
        let functions = (0..keys).map(function).collect();
        let account = Account::new(limit * keys, Some(0), functions, Profile::PURE_POOLS);
        Self(AdmissionController::new(&account.expect("it fits")).expect("it fits the words"))
    }

    fn handle(&self, _: u32) -> Handle<'_> {
        self.0.handle()
    }

    #[inline]
    fn try_acquire<'a>(&'a self, handle: &Handle<'a>, key: u32) -> Option<Permit<'a>> {
        // Functions without versions: a target is the function's number.
        handle.try_acquire(key).ok()
    }
}
