//! Changes of a configuration in use.
