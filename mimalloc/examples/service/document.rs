//! A JSON document in an allocator, and what the document says.

use std::cell::Cell;
use std::fmt;

use allocator_api2::alloc::Allocator;
use allocator_api2::vec::Vec;
use hashbrown::{DefaultHashBuilder, HashMap};
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Says why there is no answer for a document.
#[derive(Debug)]
pub(crate) enum DocumentError {
    OutOfMemory,
    Invalid(serde_json::Error),
}

/// A JSON value, with everything that belongs to it in one allocator.
pub(crate) enum Value<A: Allocator> {
    /// Null, true or false.
    Other,
    Number(f64),
    Text(Vec<u8, A>),
    List(Vec<Value<A>, A>),
    /// The keys and values, each key a text.
    Object(Vec<(Value<A>, Value<A>), A>),
}

impl<A: Allocator + Copy> Value<A> {
    /// Reads a document, and copies the document to `alloc`.
    pub(crate) fn parse(json: &[u8], alloc: A) -> Result<Self, DocumentError> {
        let full = Cell::new(false);
        let mut reader = serde_json::Deserializer::from_slice(json);
        let seed = Seed { alloc, full: &full };
        let value = seed
            .deserialize(&mut reader)
            .and_then(|value| reader.end().map(|()| value));
        value.map_err(|error| match full.get() {
            true => DocumentError::OutOfMemory,
            false => DocumentError::Invalid(error),
        })
    }
}

/// Makes values in an allocator.
#[derive(Clone, Copy)]
struct Seed<'a, A> {
    alloc: A,
    /// Whether memory ran out.
    full: &'a Cell<bool>,
}

impl<A: Allocator + Copy> Seed<'_, A> {
    /// Appends to a list whose memory is limited.
    fn push<T, E: serde::de::Error>(&self, list: &mut Vec<T, A>, value: T) -> Result<(), E> {
        self.room(list, 1)?;
        list.push(value);
        Ok(())
    }

    fn room<T, E: serde::de::Error>(&self, list: &mut Vec<T, A>, more: usize) -> Result<(), E> {
        list.try_reserve(more).map_err(|_| {
            self.full.set(true);
            E::custom("out of memory")
        })
    }
}

impl<'de, A: Allocator + Copy> DeserializeSeed<'de> for Seed<'_, A> {
    type Value = Value<A>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value<A>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, A: Allocator + Copy> Visitor<'de> for Seed<'_, A> {
    type Value = Value<A>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<A>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<A>, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<A>, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<A>, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<A>, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value<A>, E> {
        let mut copy = Vec::new_in(self.alloc);
        self.room(&mut copy, text.len())?;
        copy.extend_from_slice(text.as_bytes());
        Ok(Value::Text(copy))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut values: S) -> Result<Value<A>, S::Error> {
        let mut list = Vec::new_in(self.alloc);
        while let Some(value) = values.next_element_seed(self)? {
            self.push(&mut list, value)?;
        }
        Ok(Value::List(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<Value<A>, M::Error> {
        let mut list = Vec::new_in(self.alloc);
        while let Some(entry) = entries.next_entry_seed(self, self)? {
            self.push(&mut list, entry)?;
        }
        Ok(Value::Object(list))
    }
}

/// Sums up a document.
#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    values: usize,
    numbers: usize,
    sum: f64,
    distinct_words: usize,
    /// The most frequent words, each with its count.
    words: &'a [(&'a str, usize)],
}

/// What was counted in a document.
pub(crate) struct Counts<'a, A: Allocator> {
    values: usize,
    numbers: usize,
    sum: f64,
    words: HashMap<&'a str, usize, DefaultHashBuilder, A>,
}

impl<'a, A: Allocator + Copy> Counts<'a, A> {
    /// Counts in `alloc`.
    pub(crate) fn of(document: &'a Value<A>, alloc: A) -> Result<Self, DocumentError> {
        let mut counts = Self {
            values: 0,
            numbers: 0,
            sum: 0.0,
            words: HashMap::with_hasher_in(DefaultHashBuilder::default(), alloc),
        };
        counts.add(document)?;
        Ok(counts)
    }

    /// The parser refuses documents that are nested deeply.
    fn add(&mut self, value: &'a Value<A>) -> Result<(), DocumentError> {
        self.values += 1;
        match value {
            Value::Other => Ok(()),
            Value::Number(number) => {
                self.numbers += 1;
                self.sum += number;
                Ok(())
            }
            Value::Text(text) => {
                // The parser copied a `str`.
                let text = std::str::from_utf8(text).unwrap_or_default();
                text.split_whitespace()
                    .try_for_each(|word| self.add_word(word))
            }
            Value::List(list) => list.iter().try_for_each(|value| self.add(value)),
            Value::Object(entries) => entries.iter().try_for_each(|(_, value)| self.add(value)),
        }
    }

    fn add_word(&mut self, word: &'a str) -> Result<(), DocumentError> {
        let room = self.words.try_reserve(1);
        room.map_err(|_| DocumentError::OutOfMemory)?;
        *self.words.entry(word).or_insert(0) += 1;
        Ok(())
    }

    /// Returns the answer as JSON, with the ten most frequent words.
    pub(crate) fn to_json(&self, alloc: A) -> Result<std::vec::Vec<u8>, DocumentError> {
        let mut words = Vec::new_in(alloc);
        let room = words.try_reserve_exact(self.words.len());
        room.map_err(|_| DocumentError::OutOfMemory)?;
        words.extend(self.words.iter().map(|(&word, &count)| (word, count)));
        words.sort_unstable_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
        let summary = Summary {
            values: self.values,
            numbers: self.numbers,
            sum: self.sum,
            distinct_words: words.len(),
            words: &words[..words.len().min(10)],
        };
        serde_json::to_vec(&summary).map_err(DocumentError::Invalid)
    }
}
