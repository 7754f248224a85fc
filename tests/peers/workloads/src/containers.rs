//! The standard containers, used the way programs use them.

use core::fmt::Write as _;
use core::hash::BuildHasherDefault;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::random::{Random, mix};
use crate::scaled;

/// The standard hash function with fixed keys: every run does the same work.
pub(crate) type FixedHash = BuildHasherDefault<DefaultHasher>;

/// Random insertions and removals around 20,000 live entries.
pub(crate) fn btree_churn(scale: u64) -> u64 {
    let mut random = Random::new(8);
    let mut map = BTreeMap::new();
    let mut sum = 0;
    for i in 0..scaled(500_000, scale) {
        map.insert(random.below(40_000), [i, i + 1]);
        if let Some(old) = map.remove(&random.below(40_000)) {
            sum = mix(sum, old[0]);
        }
    }
    mix(sum, map.len() as u64)
}

/// Indexes documents word by word.
pub(crate) fn word_index(scale: u64) -> u64 {
    let mut random = Random::new(9);
    let vocabulary: Vec<String> = (0..2000).map(|_| word(&mut random)).collect();
    let mut sum = 0;
    for _ in 0..scaled(40, scale) {
        let mut index: HashMap<String, Vec<u32>, FixedHash> = HashMap::default();
        for position in 0..20_000 {
            // Squaring makes some words frequent, as in any language.
            let rank = random.below(45) * random.below(45);
            let word = &vocabulary[rank as usize];
            index.entry(word.clone()).or_default().push(position);
        }
        let longest = index.values().map(Vec::len).max();
        sum = mix(sum, mix(index.len() as u64, longest.unwrap_or(0) as u64));
    }
    sum
}

fn word(random: &mut Random) -> String {
    (0..3 + random.below(9))
        .map(|_| char::from(b'a' + random.below(26) as u8))
        .collect()
}

/// Vectors that grow by `push`, most of them short.
pub(crate) fn vec_growth(scale: u64) -> u64 {
    let mut random = Random::new(10);
    let mut sum = 0;
    for _ in 0..scaled(200_000, scale) {
        let mut items = Vec::new();
        for i in 0..random.size(4, 2048) as u64 {
            items.push(i);
        }
        sum = mix(sum, items.iter().sum());
    }
    sum
}

/// Lines built from pieces, kept a while.
pub(crate) fn string_building(scale: u64) -> u64 {
    let mut random = Random::new(11);
    let mut lines: Vec<String> = vec![String::new(); 512];
    let mut sum = 0;
    for i in 0..scaled(250_000, scale) {
        let mut line = String::new();
        for _ in 0..1 + random.below(12) {
            line.push_str("field");
            line.push(':');
            // Writing into a String can't fail.
            let _ = write!(line, "{}", i & 0xffff);
            line.push_str("; ");
        }
        sum = mix(sum, line.len() as u64);
        lines[random.below(512) as usize] = line.to_uppercase();
    }
    mix(sum, lines.iter().map(|line| line.len() as u64).sum())
}

/// Parses a document of about 40 KiB into a tree and drops it.
pub(crate) fn json(scale: u64) -> u64 {
    let text = document();
    let mut sum = 0;
    for _ in 0..scaled(150, scale) {
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let items = value.as_array().map_or(0, Vec::len);
        sum = mix(sum, value[items / 2]["id"].as_u64().unwrap_or(u64::MAX));
    }
    sum
}

fn document() -> String {
    let mut random = Random::new(12);
    let mut text = String::from("[");
    for id in 0..200 {
        let comma = if id == 0 { "" } else { "," };
        let (name, mail, city) = (word(&mut random), word(&mut random), word(&mut random));
        let (a, b, c) = (random.below(1000), random.below(1000), random.below(1000));
        // Writing into a String can't fail.
        let _ = write!(
            text,
            r#"{comma}{{"id":{id},"name":"{name}","mail":"{mail}@example.org","tags":["x","{city}"],
            "scores":[{a},{b},{c}],"address":{{"city":"{city}","zip":"{a}{b}"}},"active":true}}"#
        );
    }
    text.push(']');
    text
}
