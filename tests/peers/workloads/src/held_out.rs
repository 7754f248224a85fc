//! Two workloads that no tuning may look at: they show whether what was won on
//! the others holds elsewhere.

use core::fmt::Write as _;
use std::collections::{HashMap, VecDeque};

use crate::containers::FixedHash;
use crate::random::{Random, mix};
use crate::scaled;

/// A cache of 4,000 strings by key; the oldest entry goes when it is full.
pub(crate) fn lru_cache(scale: u64) -> u64 {
    const CAPACITY: usize = 4000;
    let mut random = Random::new(13);
    let mut cache: HashMap<String, (u64, String), FixedHash> = HashMap::default();
    let mut uses: VecDeque<(u64, String)> = VecDeque::new();
    let mut sum = 0;
    for now in 0..scaled(350_000, scale) {
        let key = format!("user/{}", random.below(100) * random.below(100));
        match cache.get_mut(&key) {
            Some((used, value)) => {
                *used = now;
                sum = mix(sum, value.len() as u64);
            }
            None => {
                let value = "v".repeat(random.size(16, 512));
                cache.insert(key.clone(), (now, value));
            }
        }
        uses.push_back((now, key));
        while cache.len() > CAPACITY {
            let Some((then, key)) = uses.pop_front() else {
                break;
            };
            // A later use of the same key is further back in the queue.
            if cache.get(&key).is_some_and(|&(used, _)| used == then) {
                cache.remove(&key);
                sum = mix(sum, then);
            }
        }
        if uses.len() > 4 * CAPACITY {
            uses.retain(|(then, key)| cache.get(key).is_some_and(|&(used, _)| used == *then));
        }
    }
    sum
}

/// An expression in one variable.
#[derive(Clone)]
enum Expr {
    Number(u64),
    Name(String),
    Sum(Vec<Expr>),
    Product(Box<Expr>, Box<Expr>),
}

/// Builds expressions, differentiates and simplifies them, prints the result.
pub(crate) fn rewriting(scale: u64) -> u64 {
    let mut random = Random::new(14);
    let mut sum = 0;
    for _ in 0..scaled(4_000, scale) {
        let expr = Expr::random(6, &mut random);
        let result = expr.derivative().simplified();
        let mut text = String::new();
        result.print(&mut text);
        sum = text
            .bytes()
            .fold(sum, |sum, byte| mix(sum, u64::from(byte)));
    }
    sum
}

impl Expr {
    fn random(depth: u32, random: &mut Random) -> Expr {
        match random.below(if depth == 0 { 2 } else { 6 }) {
            0 => Expr::Number(random.below(3)),
            1 => Expr::Name("x".to_owned()),
            2 | 3 => {
                let terms = 2 + random.below(3);
                Expr::Sum(
                    (0..terms)
                        .map(|_| Expr::random(depth - 1, random))
                        .collect(),
                )
            }
            _ => Expr::Product(
                Box::new(Expr::random(depth - 1, random)),
                Box::new(Expr::random(depth - 1, random)),
            ),
        }
    }

    fn derivative(&self) -> Expr {
        match self {
            Expr::Number(_) => Expr::Number(0),
            Expr::Name(_) => Expr::Number(1),
            Expr::Sum(terms) => Expr::Sum(terms.iter().map(Expr::derivative).collect()),
            Expr::Product(a, b) => Expr::Sum(vec![
                Expr::Product(Box::new(a.derivative()), b.clone()),
                Expr::Product(a.clone(), Box::new(b.derivative())),
            ]),
        }
    }

    fn simplified(self) -> Expr {
        match self {
            Expr::Sum(terms) => Expr::simplified_sum(terms),
            Expr::Product(a, b) => match (a.simplified(), b.simplified()) {
                (Expr::Number(0), _) | (_, Expr::Number(0)) => Expr::Number(0),
                (Expr::Number(1), other) | (other, Expr::Number(1)) => other,
                (a, b) => Expr::Product(Box::new(a), Box::new(b)),
            },
            leaf => leaf,
        }
    }

    fn simplified_sum(terms: Vec<Expr>) -> Expr {
        let mut constant = 0u64;
        let mut rest = Vec::new();
        for term in terms {
            match term.simplified() {
                Expr::Number(number) => constant = constant.wrapping_add(number),
                Expr::Sum(inner) => rest.extend(inner),
                other => rest.push(other),
            }
        }
        if constant != 0 || rest.is_empty() {
            rest.push(Expr::Number(constant));
        }
        if rest.len() > 1 {
            Expr::Sum(rest)
        } else {
            rest.swap_remove(0)
        }
    }

    fn print(&self, text: &mut String) {
        match self {
            Expr::Number(number) => {
                // Writing into a String can't fail.
                let _ = write!(text, "{number}");
            }
            Expr::Name(name) => text.push_str(name),
            Expr::Sum(terms) => {
                for (i, term) in terms.iter().enumerate() {
                    text.push(if i == 0 { '(' } else { '+' });
                    term.print(text);
                }
                text.push(')');
            }
            Expr::Product(a, b) => {
                a.print(text);
                text.push('*');
                b.print(text);
            }
        }
    }
}
