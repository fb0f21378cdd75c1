//! How long provisioned capacity takes to be allocated (rules 3.13 and 3.14).

use crate::profile::Provisioning;

/// The ramp of an account: today each request has the documented rate for itself; before
/// November 2023 all requests of the Region shared a bucket.
#[derive(Debug)]
pub(super) struct Ramp {
    provisioning: Provisioning,
    /// The instant at which the Regional bucket is full again.
    full_at: u64,
}

impl Ramp {
    pub(super) fn new(provisioning: Provisioning) -> Self {
        Self { provisioning, full_at: 0 }
    }

    /// When so many environments that are requested at `at` will all be there; none can be used
    /// before.
    pub(super) fn ready(&mut self, at: u64, environments: u32) -> u64 {
        let Provisioning { prep, interval, regional_burst, .. } = self.provisioning;
        let taken = u64::from(environments).saturating_mul(interval);
        let allocated = match regional_burst {
            None => at.saturating_add(taken),
            Some(burst) => {
                self.full_at = self.full_at.max(at).saturating_add(taken);
                at.max(self.full_at.saturating_sub(u64::from(burst).saturating_mul(interval)))
            }
        };
        allocated.saturating_add(prep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SECOND;

    #[test]
    fn e22_five_thousand_environments_take_fifty_seconds_after_the_preparation() {
        let mut ramp = Ramp::new(Provisioning::DOCUMENTED);
        assert_eq!(ramp.ready(7 * SECOND, 5_000), (7 + 60 + 50) * SECOND);
    }

    #[test]
    fn the_legacy_bucket_is_shared_by_all_requests_of_the_region() {
        let legacy = Provisioning {
            prep: 0,
            interval: 60 * SECOND / 500,
            regional_burst: Some(500),
            ..Provisioning::DOCUMENTED
        };
        let mut ramp = Ramp::new(legacy);
        assert_eq!(ramp.ready(0, 500), 0);
        assert_eq!(ramp.ready(0, 500), 60 * SECOND);
        assert_eq!(ramp.ready(180 * SECOND, 750), 210 * SECOND);
    }
}
