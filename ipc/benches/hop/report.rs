//! Results as a table for people, or as one JSON object.

use std::time::Duration;

use serde_json::{Value, json};

use super::measure;

pub struct Report {
    json: bool,
    rows: Vec<Value>,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self { json, rows: Vec::new() }
    }

    pub fn part(&self, name: &str) {
        if !self.json {
            println!("\n{name}");
        }
    }

    fn row(&mut self, line: String, value: Value) {
        if !self.json {
            println!("  {line}");
        }
        self.rows.push(value);
    }

    /// Round trips, one at a time.
    pub fn latency(&mut self, name: &str, times: &[Duration]) {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let at = |share: f64| us(sorted[((sorted.len() - 1) as f64 * share) as usize]);
        let mean = us(measure::mean(times));
        let (rate, p50, p99) = (1e6 / mean, at(0.5), at(0.99));
        let line = format!("{name:44} {rate:9.0}/s  mean {mean:7.2}  p50 {p50:7.2}  p99 {p99:7.2} us");
        self.row(
            line,
            json!({"name": name, "per_second": rate, "mean_us": mean, "p50_us": p50, "p99_us": p99}),
        );
    }

    /// Requests per second.
    pub fn rate(&mut self, name: &str, per_second: f64) {
        let line = format!("{name:44} {:9.0}/s  {:7.2} us each", per_second, 1e6 / per_second);
        self.row(line, json!({"name": name, "per_second": per_second}));
    }

    /// A bar: `time` may be `most` times `base`.
    pub fn ratio(&mut self, name: &str, time: Duration, base: Duration, most: f64) {
        let (time, base) = (time.as_secs_f64() * 1e6, base.as_secs_f64() * 1e6);
        let (ratio, met) = (time / base, time <= base * most);
        let verdict = if met { "met" } else { "MISSED" };
        let line = format!("{name:44} {time:7.2} / {base:.2} us = {ratio:.2}  (bar {most}: {verdict})");
        self.row(
            line,
            json!({"name": name, "us": time, "base_us": base, "ratio": ratio, "bar": most, "met": met}),
        );
    }

    /// Says how many runs were not alone on the machine even at the last try.
    pub fn disturbed(&mut self, runs: u32) {
        if runs > 0 {
            self.row(
                format!("({runs} runs were disturbed by other processes)"),
                json!({"disturbed_runs": runs}),
            );
        }
    }

    pub fn end(self) {
        if self.json {
            println!("{:#}", Value::Array(self.rows));
        }
    }
}
