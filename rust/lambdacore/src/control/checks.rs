//! What the Lambda API accepts (rules 1.2 to 1.8 and 3.1 to 3.5).

use super::{Config, ControlPlane};
use crate::Refusal;
use crate::account::{LATEST, version_number};

impl ControlPlane<'_> {
    /// The account's quota, and what is claimed of it by functions other than one.
    pub(super) fn unclaimed_by_others(&self, index: usize) -> i64 {
        i64::from(self.limit) - self.claimed + self.functions[index].claim()
    }

    fn floor(&self) -> u32 {
        self.account.unreserved_floor(self.limit)
    }

    pub(super) fn known(&self, function: &str, qualifier: &str) -> Result<usize, Refusal> {
        let index = self.account.function(function).ok_or_else(|| Refusal::UnknownFunction {
            function: function.to_owned(),
            qualifier: qualifier.to_owned(),
        })?;
        Ok(index as usize)
    }

    pub(super) fn unknown_qualifier(&self, index: usize, qualifier: &str) -> Refusal {
        let function = &self.functions[index];
        Refusal::UnknownQualifier {
            function: function.name.clone(),
            qualifier: qualifier.to_owned(),
            known: function.known(),
        }
    }

    /// A function whose concurrency can be reserved: not one of its versions (rule 1.8).
    pub(super) fn reservable(&self, label: &str) -> Result<usize, Refusal> {
        match label.split_once(':') {
            Some((name, _)) if self.account.function(label).is_none() => {
                self.known(name, LATEST)?;
                Err(Refusal::ReservedForQualifier { label: label.to_owned() })
            }
            _ => self.known(label, LATEST),
        }
    }

    /// Rules 1.2 to 1.4 and 1.7. What the function had is given back before.
    pub(super) fn check_reservation(&self, index: usize, requested: u32) -> Result<(), Refusal> {
        let function = &self.functions[index];
        let (name, provisioned) = (function.name.clone(), function.provisioned());
        if u64::from(requested) < provisioned {
            return Err(Refusal::ReservedBelowProvisioned {
                function: name,
                requested,
                provisioned,
            });
        }
        let (before, floor) = (self.unclaimed_by_others(index), self.floor());
        let left = before - i64::from(requested);
        if requested > 0 && left < i64::from(floor) {
            return Err(Refusal::ReservedBelowFloor {
                function: name,
                requested,
                left,
                limit: self.limit,
                floor,
                most: (before - i64::from(floor)).max(0),
            });
        }
        Ok(())
    }

    /// A version or alias that can have provisioned concurrency (rule 3.1), asked for.
    pub(super) fn provisioned_target(
        &self,
        function: &str,
        qualifier: &str,
    ) -> Result<usize, Refusal> {
        if qualifier.is_empty() || qualifier == LATEST {
            return Err(Refusal::NoVersionOrAlias { function: function.to_owned() });
        }
        let index = self.known(function, qualifier)?;
        match self.functions[index].version(qualifier) {
            Some(_) => Ok(index),
            None => Err(self.unknown_qualifier(index, qualifier)),
        }
    }

    /// As before, to be put (rules 3.1 to 3.3).
    pub(super) fn provisionable(
        &self,
        function: &str,
        qualifier: &str,
        value: i64,
    ) -> Result<(usize, u32), Refusal> {
        let on_latest = || Refusal::ProvisionedOnLatest { function: function.to_owned() };
        if qualifier.is_empty() || qualifier == LATEST {
            return Err(on_latest());
        }
        let index = self.provisioned_target(function, qualifier)?;
        let version = self.functions[index].version(qualifier).expect("it was found");
        if version == 0 {
            return Err(on_latest());
        }
        if value < 1 {
            return Err(Refusal::ProvisionedBelowOne { value });
        }
        self.check_one_config(index, qualifier, version)?;
        Ok((index, version))
    }

    /// A version has one configuration, under its own number or under one alias (rule 3.2).
    pub(super) fn check_one_config(
        &self,
        index: usize,
        qualifier: &str,
        version: u32,
    ) -> Result<(), Refusal> {
        let same = |config: &&Config| config.version == version && config.qualifier != qualifier;
        match self.functions[index].configs.iter().find(same) {
            None => Ok(()),
            Some(config) if version_number(qualifier).is_some() => {
                Err(Refusal::VersionUnderAlias { alias: config.qualifier.clone() })
            }
            Some(_) => Err(Refusal::AliasOfProvisioned { alias: qualifier.to_owned() }),
        }
    }

    /// Rules 3.4 and 3.5: inside the reservation, or out of the account's pool.
    pub(super) fn check_provisioning(
        &self,
        index: usize,
        qualifier: &str,
        value: i64,
    ) -> Result<u32, Refusal> {
        let function = &self.functions[index];
        let (name, floor) = (function.name.clone(), self.floor());
        let requested = u32::try_from(value).unwrap_or(u32::MAX);
        let own = self.config(index, qualifier).map_or(0, |c| function.configs[c].requested);
        let others = (function.provisioned() - u64::from(own)).cast_signed();
        if let Some(reserved) = function.reserved {
            let most = i64::from(reserved) - others;
            if value > most {
                let function = name;
                return Err(Refusal::ProvisionedAboveReserved {
                    function,
                    requested,
                    reserved,
                    most,
                });
            }
            return Ok(requested);
        }
        let unreserved = self.unclaimed_by_others(index) - others;
        let most = (unreserved - i64::from(floor)).max(0);
        if value > unreserved {
            let function = name;
            return Err(Refusal::ProvisionedAboveUnreserved {
                function,
                requested,
                unreserved,
                most,
            });
        }
        if value > most {
            return Err(Refusal::ProvisionedBelowFloor { function: name, requested, floor, most });
        }
        Ok(requested)
    }
}
