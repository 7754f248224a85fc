//! `serde::Serialize` for [`Stats`]: a struct with the fields and the bins.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::Stats;
use crate::stats::metric::Value;

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Stats", Self::ALL_FIELDS)?;
        for field in self.fields() {
            match field.value {
                Value::Count(count) => out.serialize_field(field.name, &count)?,
                Value::Counter(total) => out.serialize_field(field.name, &total)?,
            }
        }
        out.serialize_field("malloc_bins", &Seq(|| self.malloc_bins()))?;
        out.serialize_field("page_bins", &Seq(|| self.page_bins()))?;
        if self.chunks().is_some() {
            out.serialize_field("chunk_bins", &Seq(|| self.chunks().into_iter().flatten()))?;
        }
        out.end()
    }
}

/// A sequence that is made anew each time it is written.
struct Seq<F>(F);

impl<F, I> Serialize for Seq<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
