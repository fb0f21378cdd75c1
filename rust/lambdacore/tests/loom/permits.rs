//! Permits, readers, waiting.
