//! The control plane: what the Lambda API accepts, when provisioned capacity is ready, and
//! what the data plane meets from when on.
//!
//! Every answer depends on the configuration and the time of the call, never on traffic. So
//! all calls of a schedule are judged before a run, and the run meets a [`Timeline`] of
//! changes that need no check.

mod checks;
mod ramp;

use crate::account::version_number;
use crate::{Account, Change, Refusal, Timeline};
use ramp::Ramp;

/// A call of the API that concerns concurrency.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "functions by name, qualifiers as AWS writes them")]
pub enum Call {
    /// The account's quota is changed, as Service Quotas does.
    SetConcurrencyLimit {
        value: u32,
    },
    PutFunctionConcurrency {
        function: String,
        value: u32,
    },
    GetFunctionConcurrency {
        function: String,
    },
    DeleteFunctionConcurrency {
        function: String,
    },
    /// `fails`: the function's init raises, so nothing is ever allocated.
    PutProvisionedConcurrency {
        function: String,
        qualifier: String,
        value: i64,
        fails: bool,
    },
    GetProvisionedConcurrency {
        function: String,
        qualifier: String,
    },
    ListProvisionedConcurrency {
        function: String,
    },
    DeleteProvisionedConcurrency {
        function: String,
        qualifier: String,
    },
    UpdateAlias {
        function: String,
        alias: String,
        version: String,
    },
    DeleteAlias {
        function: String,
        alias: String,
    },
}

/// What an accepted call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing, or what was sent.
    Done,
    /// A function's reserved concurrency, if any.
    Reserved(Option<u32>),
    /// Provisioned concurrency: one configuration, or all of a function.
    Provisioned(Vec<Provisioned>),
}

/// How far a configuration of provisioned concurrency is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The version or alias that it was put on.
    pub qualifier: String,
    /// What was asked for.
    pub requested: u32,
    /// What is allocated.
    pub allocated: u32,
    /// Where it stands.
    pub status: Status,
}

/// Status of provisioned concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Environments are being allocated.
    InProgress,
    /// All are there.
    Ready,
    /// The function's init raises.
    Failed,
}

#[derive(Debug)]
struct Config {
    qualifier: String,
    version: u32,
    requested: u32,
    /// What can be used now.
    available: u32,
    /// What the API says is allocated: while an alias moves, still the old number.
    shown: u32,
    status: Status,
    /// When what was requested will be there, or will have failed.
    due: Option<(u64, bool)>,
}

#[derive(Debug)]
struct Function {
    name: String,
    reserved: Option<u32>,
    versions: u32,
    /// Name, version, and index among the declared ones.
    aliases: Vec<(String, u32, usize)>,
    configs: Vec<Config>,
}

impl Function {
    fn provisioned(&self) -> u64 {
        self.configs.iter().map(|config| u64::from(config.requested)).sum()
    }

    /// What it takes from the account's pool, used or not.
    fn claim(&self) -> i64 {
        self.reserved.map_or_else(|| self.provisioned().cast_signed(), i64::from)
    }

    /// The version that a qualifier means, if it is there.
    fn version(&self, qualifier: &str) -> Option<u32> {
        match version_number(qualifier) {
            Some(number) => (number <= self.versions).then_some(number),
            None => self.aliases.iter().find(|alias| alias.0 == qualifier).map(|alias| alias.1),
        }
    }

    fn known(&self) -> String {
        let numbers = match self.versions {
            0 => "no published version".to_owned(),
            1 => "version 1".to_owned(),
            n => format!("versions 1 to {n}"),
        };
        self.aliases.iter().fold(numbers, |known, alias| format!("{known}, alias {:?}", alias.0))
    }
}

/// The configuration of an account as calls change it.
#[derive(Debug)]
pub struct ControlPlane<'a> {
    account: &'a Account,
    limit: u32,
    functions: Vec<Function>,
    /// The sum of all claims.
    claimed: i64,
    /// No request is due before.
    next_due: u64,
    ramp: Ramp,
    timeline: Timeline,
}

impl<'a> ControlPlane<'a> {
    /// The account as it is declared; what it has provisioned is ready.
    ///
    /// # Panics
    ///
    /// Never: the account was checked.
    pub fn new(account: &'a Account) -> Self {
        let mut plane = Self::unclaimed(account);
        for (function, declared) in plane.functions.iter_mut().zip(account.functions()) {
            function.reserved = declared.reserved_concurrency;
            for (qualifier, requested) in &declared.provisioned_concurrency {
                function.configs.push(Config {
                    qualifier: qualifier.clone(),
                    version: function.version(qualifier).expect("the account was checked"),
                    requested: *requested,
                    available: *requested,
                    shown: *requested,
                    status: Status::Ready,
                    due: None,
                });
            }
            plane.claimed += function.claim();
        }
        plane
    }

    /// The account's functions before anything is reserved or provisioned.
    pub(crate) fn unclaimed(account: &'a Account) -> Self {
        let functions = account.functions().iter().map(|declared| Function {
            name: declared.name.clone(),
            reserved: None,
            versions: declared.versions,
            aliases: (declared.aliases.iter().enumerate())
                .map(|(index, (name, version))| (name.clone(), *version, index))
                .collect(),
            configs: Vec::new(),
        });
        Self {
            account,
            limit: account.concurrency_limit(),
            functions: functions.collect(),
            claimed: 0,
            next_due: u64::MAX,
            ramp: Ramp::new(account.profile().provisioning),
            timeline: Timeline::default(),
        }
    }

    /// Judges a call that is made at `at`, no earlier than those before, and carries it out if
    /// it is accepted. A refused call changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal`], as AWS would.
    pub fn call(&mut self, at: u64, call: &Call) -> Result<Response, Refusal> {
        self.allocate_until(at);
        match call {
            &Call::SetConcurrencyLimit { value } => {
                self.limit = value;
                self.takes_effect(at, Change::Limit(value));
                Ok(Response::Done)
            }
            Call::PutFunctionConcurrency { function, value } => {
                let index = self.reservable(function)?;
                self.check_reservation(index, *value)?;
                Ok(self.reserve(at, index, Some(*value)))
            }
            Call::GetFunctionConcurrency { function } => {
                let index = self.reservable(function)?;
                Ok(Response::Reserved(self.functions[index].reserved))
            }
            Call::DeleteFunctionConcurrency { function } => {
                let index = self.reservable(function)?;
                Ok(self.reserve(at, index, None))
            }
            Call::PutProvisionedConcurrency { function, qualifier, value, fails } => {
                let (index, version) = self.provisionable(function, qualifier, *value)?;
                let requested = self.check_provisioning(index, qualifier, *value)?;
                let config = self.config_or_new(index, qualifier, version);
                self.claimed -= self.functions[index].claim();
                self.functions[index].configs[config].requested = requested;
                self.claimed += self.functions[index].claim();
                self.provision(at, index, config, *fails);
                Ok(Response::Provisioned(vec![self.describe(index, config)]))
            }
            Call::GetProvisionedConcurrency { function, qualifier } => {
                let index = self.provisioned_target(function, qualifier)?;
                let config = self.config(index, qualifier).ok_or_else(|| {
                    let (function, qualifier) = (function.clone(), qualifier.clone());
                    Refusal::NotProvisioned { function, qualifier }
                })?;
                Ok(Response::Provisioned(vec![self.describe(index, config)]))
            }
            Call::ListProvisionedConcurrency { function } => {
                let index = self.known(function, "")?;
                let all = 0..self.functions[index].configs.len();
                Ok(Response::Provisioned(all.map(|config| self.describe(index, config)).collect()))
            }
            Call::DeleteProvisionedConcurrency { function, qualifier } => {
                let index = self.provisioned_target(function, qualifier)?;
                self.unprovision(at, index, qualifier);
                Ok(Response::Done)
            }
            Call::UpdateAlias { function, alias, version } => {
                self.move_alias(at, function, alias, version)
            }
            Call::DeleteAlias { function, alias } => {
                let index = self.known(function, alias)?;
                let known = self.functions[index].aliases.iter().position(|a| a.0 == *alias);
                let found = known.ok_or_else(|| self.unknown_qualifier(index, alias))?;
                self.unprovision(at, index, alias);
                self.functions[index].aliases.remove(found);
                Ok(Response::Done)
            }
        }
    }

    /// The account as the calls have configured it, all of it as requested.
    pub(crate) fn configured(&self) -> Account {
        let requested = |config: &Config| (config.qualifier.clone(), config.requested);
        let functions = self.functions.iter();
        self.account.configured(
            self.limit,
            functions.map(|f| (f.reserved, f.configs.iter().map(requested).collect())),
        )
    }

    /// All that the calls have changed and will change, for a run.
    #[must_use]
    pub fn finish(mut self) -> Timeline {
        self.allocate_until(u64::MAX);
        self.timeline
    }

    fn reserve(&mut self, at: u64, index: usize, reserved: Option<u32>) -> Response {
        self.claimed -= self.functions[index].claim();
        self.functions[index].reserved = reserved;
        self.claimed += self.functions[index].claim();
        self.takes_effect(at, Change::Reserved { function: index as u32, reserved });
        Response::Reserved(reserved)
    }

    fn config(&self, index: usize, qualifier: &str) -> Option<usize> {
        self.functions[index].configs.iter().position(|config| config.qualifier == qualifier)
    }

    fn config_or_new(&mut self, index: usize, qualifier: &str, version: u32) -> usize {
        self.config(index, qualifier).unwrap_or_else(|| {
            let configs = &mut self.functions[index].configs;
            configs.push(Config {
                qualifier: qualifier.to_owned(),
                version,
                requested: 0,
                available: 0,
                shown: 0,
                status: Status::InProgress,
                due: None,
            });
            configs.len() - 1
        })
    }

    /// Sets a configuration going: a decrease at once, an increase when all of it is allocated
    /// (rules 3.13, 3.17, 3.18).
    fn provision(&mut self, at: u64, index: usize, config: usize, fails: bool) {
        let config = &mut self.functions[index].configs[config];
        let more = config.requested.saturating_sub(config.available);
        if more == 0 {
            config.available = config.requested;
            config.shown = config.requested;
            (config.status, config.due) = (Status::Ready, None);
        } else {
            config.status = Status::InProgress;
            let ready = self.ramp.ready(at, more);
            config.due = Some((ready, fails));
            self.next_due = self.next_due.min(ready);
        }
        let (version, requested, available) = (config.version, config.requested, config.available);
        let version = self.account.version(index as u32, version);
        self.takes_effect(at, Change::Provisioned { version, requested, available });
    }

    fn unprovision(&mut self, at: u64, index: usize, qualifier: &str) {
        if let Some(config) = self.config(index, qualifier) {
            self.claimed -= self.functions[index].claim();
            let config = self.functions[index].configs.remove(config);
            self.claimed += self.functions[index].claim();
            let version = self.account.version(index as u32, config.version);
            self.takes_effect(at, Change::Provisioned { version, requested: 0, available: 0 });
        }
    }

    /// Rule 3.19: a configuration moves with its alias and is allocated anew.
    fn move_alias(
        &mut self,
        at: u64,
        function: &str,
        alias: &str,
        version: &str,
    ) -> Result<Response, Refusal> {
        let index = self.known(function, alias)?;
        let known = self.functions[index].aliases.iter().position(|a| a.0 == alias);
        let found = known.ok_or_else(|| self.unknown_qualifier(index, alias))?;
        let number = version_number(version).filter(|&n| n <= self.functions[index].versions);
        let to = number.ok_or_else(|| self.unknown_qualifier(index, version))?;
        if self.functions[index].aliases[found].1 == to {
            return Ok(Response::Done);
        }
        let moved = self.config(index, alias);
        if moved.is_some() {
            if to == 0 {
                return Err(Refusal::ProvisionedOnLatest { function: function.to_owned() });
            }
            self.check_one_config(index, alias, to)?;
        }
        self.functions[index].aliases[found].1 = to;
        let declared = self.functions[index].aliases[found].2;
        self.takes_effect(
            at,
            Change::Alias {
                alias: self.account.alias(index as u32, declared),
                version: self.account.version(index as u32, to),
            },
        );
        if let Some(moved) = moved {
            let config = &mut self.functions[index].configs[moved];
            let from = self.account.version(index as u32, config.version);
            (config.version, config.available) = (to, 0);
            self.takes_effect(
                at,
                Change::Provisioned { version: from, requested: 0, available: 0 },
            );
            self.provision(at, index, moved, false);
        }
        Ok(Response::Done)
    }

    fn describe(&self, index: usize, config: usize) -> Provisioned {
        let config = &self.functions[index].configs[config];
        Provisioned {
            qualifier: config.qualifier.clone(),
            requested: config.requested,
            allocated: config.shown,
            status: config.status,
        }
    }

    /// Hands over what has been allocated by `at`, in order of time.
    fn allocate_until(&mut self, at: u64) {
        if at < self.next_due {
            return;
        }
        let mut ready = Vec::new();
        self.next_due = u64::MAX;
        for (index, function) in self.functions.iter().enumerate() {
            for (config, waiting) in function.configs.iter().enumerate() {
                match waiting.due {
                    Some((due, fails)) if due <= at => ready.push((due, index, config, fails)),
                    Some((due, _)) => self.next_due = self.next_due.min(due),
                    None => {}
                }
            }
        }
        ready.sort_unstable();
        for (at, index, config, fails) in ready {
            let config = &mut self.functions[index].configs[config];
            config.due = None;
            if fails {
                config.status = Status::Failed;
                continue;
            }
            (config.available, config.shown) = (config.requested, config.requested);
            config.status = Status::Ready;
            let version = self.account.version(index as u32, config.version);
            let (requested, available) = (config.requested, config.available);
            self.takes_effect(at, Change::Provisioned { version, requested, available });
        }
    }

    fn takes_effect(&mut self, at: u64, change: Change) {
        let at = at.saturating_add(self.account.profile().config_delay);
        // What would take effect later meets no arrival.
        if at < 1 << 63 {
            self.timeline.push(at, change);
        }
    }
}
