//! A line for each N and way to compute.

use std::fmt::Write as _;

use super::document::Document;
use super::latency::{Latency, Timing};
use super::points::Point;

/// Comma-separated values with a head line. Shares are between 0 and 1, times in seconds, radii in pixels of [0, 1]; what is
/// not there is empty.
#[must_use]
pub fn csv(document: &Document) -> String {
    let mut text = head(document);
    for point in &document.points {
        let of_n = |timing: &Timing| timing.points.iter().find(|latency| latency.n == point.n).cloned();
        let times: Vec<_> =
            document.timings.iter().filter_map(|timing| Some((timing.name.clone(), of_n(timing)?))).collect();
        if times.is_empty() {
            line(&mut text, point, None);
        }
        times.iter().for_each(|(name, latency)| line(&mut text, point, Some((name, latency))));
    }
    text
}

fn head(document: &Document) -> String {
    let mut head = "n,timing,median_s,p95_s,p99_s,us_per_sample".to_owned();
    let Some(point) = document.points.first() else { return head + "\n" };
    for vote in &point.votes {
        let name = vote.vote.name();
        let _ = write!(head, ",accuracy_{name},accuracy_{name}_low,accuracy_{name}_high");
        if vote.attacked.is_some() {
            let _ = write!(head, ",attacked_{name},attacked_{name}_low,attacked_{name}_high");
        }
    }
    for certified in &point.certified {
        let at = certified.radius;
        let _ = write!(head, ",certified_{at},certified_{at}_low,certified_{at}_high");
    }
    head += ",abstained,wrong,average_radius,reach,least_count";
    if point.anytime.is_some() {
        head += ",anytime_certified,anytime_refuted,anytime_abstained,anytime_mean_samples";
    }
    head + "\n"
}

fn line(text: &mut String, point: &Point, time: Option<(&String, &Latency)>) {
    let mut cells = vec![point.n.to_string()];
    let or_empty = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    match time {
        None => cells.resize(6, String::new()),
        Some((name, latency)) => {
            cells.push(quoted(name));
            cells.push(latency.median_s.to_string());
            cells.extend([latency.p95_s, latency.p99_s].map(or_empty));
            cells.push(latency.us_per_sample.to_string());
        }
    }
    let votes = point.votes.iter().flat_map(|vote| std::iter::once(&vote.clean).chain(&vote.attacked));
    for share in votes.chain(point.certified.iter().map(|certified| &certified.accuracy)) {
        let (low, high) = share.interval_95;
        cells.extend([share.share, low, high].map(|value| value.to_string()));
    }
    cells.extend([point.abstained.to_string(), point.wrong.to_string(), point.average_radius.to_string()]);
    cells.push(or_empty(point.reach));
    cells.push(point.least_count.map_or(String::new(), |count| count.to_string()));
    if let Some(at) = &point.anytime {
        cells.extend([at.certified, at.refuted, at.abstained].map(|count| count.to_string()));
        cells.push(at.mean_samples.to_string());
    }
    *text += &(cells.join(",") + "\n");
}

/// In quotes, since names hold commas.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
