//! Arguments of the benchmarks: `--name value` and `--flag`, in any order.

use std::ops::RangeInclusive;

/// What is left of the arguments.
#[derive(Clone, Debug)]
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Those of the process.
    pub fn of_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Whether a flag is there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() < before
    }

    /// The value after a name.
    ///
    /// # Errors
    ///
    /// Where nothing follows.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.0.iter().position(|argument| argument == name) else {
            return Ok(None);
        };
        if at + 1 == self.0.len() {
            return Err(format!("{name} needs a value"));
        }
        self.0.remove(at);
        Ok(Some(self.0.remove(at)))
    }

    /// The number after a name.
    ///
    /// # Errors
    ///
    /// Where it is none, or out of range.
    pub fn number<N>(&mut self, name: &str, usual: N, range: RangeInclusive<N>) -> Result<N, String>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        self.value(name)?.map_or(Ok(usual), |value| number(&value, name, &range))
    }

    /// Nothing else was given.
    ///
    /// # Errors
    ///
    /// Names what was.
    pub fn finish(self) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |argument| Err(format!("{argument} is unknown here")))
    }
}

fn number<N>(value: &str, name: &str, range: &RangeInclusive<N>) -> Result<N, String>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let parsed = value.parse().ok().filter(|number| range.contains(number));
    parsed.ok_or_else(|| format!("{name} {value}: from {} to {}", range.start(), range.end()))
}

/// Numbers with commas between them.
///
/// # Errors
///
/// Where one is none, or out of range.
pub fn list(
    value: Option<String>,
    name: &str,
    usual: &[u32],
    range: RangeInclusive<u32>,
) -> Result<Vec<u32>, String> {
    let Some(value) = value else {
        return Ok(usual.to_vec());
    };
    value.split(',').map(|value| number(value, name, &range)).collect()
}
