//! The table for people.

use super::advice::Advice;
use super::document::Document;
use super::latency::Timing;
use super::points::{Point, Share};

/// The tables of a profile, and which N to take.
#[must_use]
pub fn text(document: &Document) -> String {
    let mut lines = subject(document);
    lines.push(String::new());
    lines.extend(accuracy(document));
    lines.push(String::new());
    lines.extend(certified(document));
    for timing in &document.timings {
        lines.push(String::new());
        lines.extend(times(timing));
    }
    if document.points.iter().any(|point| point.anytime.is_some()) {
        lines.push(String::new());
        lines.extend(anytime(document));
    }
    lines.push(String::new());
    lines.extend(document.advice.iter().map(advice));
    lines.push(claim(document));
    lines.join("\n") + "\n"
}

fn subject(document: &Document) -> Vec<String> {
    let subject = &document.subject;
    let mut lines = vec![
        format!(
            "model     {}, sigma {}, sha256 {}",
            subject.model,
            subject.sigma,
            subject.model_sha256.get(..16).unwrap_or_default()
        ),
        format!("data      {}, {}, {} images", subject.data, subject.split, subject.images),
    ];
    if let Some(attacked) = &subject.attacked {
        lines.push(format!("attacked  {attacked}, {} images", subject.attacked_images));
    }
    let plain = &document.plain;
    let attacked = plain.attacked.as_ref().map_or(String::new(), |at| format!(", attacked {}", percent(at)));
    lines.push(format!("no noise  {} right{attacked}", with_interval(&plain.clean)));
    lines
}

fn accuracy(document: &Document) -> Vec<String> {
    let Some(first) = document.points.first() else { return Vec::new() };
    let head = first.votes.iter().fold("accuracy, %".to_owned(), |head, vote| {
        let attacked = if vote.attacked.is_some() { format!(" {:>10}", "attacked") } else { String::new() };
        head + &format!("   {:>20}{attacked}", vote.vote.name())
    });
    let row = |point: &Point| {
        point.votes.iter().fold(format!("N = {:<7}", point.n), |row, vote| {
            let attacked = vote.attacked.as_ref().map_or(String::new(), |at| format!(" {:>10}", percent(at)));
            row + &format!("   {:>20}{attacked}", with_interval(&vote.clean))
        })
    };
    std::iter::once(head).chain(document.points.iter().map(row)).collect()
}

fn certified(document: &Document) -> Vec<String> {
    let Some(first) = document.points.first() else { return Vec::new() };
    let times = document.subject.norm.shown_in().1;
    let mut head = "certified, %".to_owned();
    for at in &first.certified {
        head += &format!(" {:>7}", document.subject.norm.shown(at.radius));
    }
    head += &format!(
        " {:>9} {:>6} {:>9} {:>9} {:>11}",
        "abstained", "wrong", "average R", "R at best", "least count"
    );
    let row = |point: &Point| {
        let mut row = format!("N = {:<8}", point.n);
        for at in &point.certified {
            row += &format!(" {:>7}", percent(&at.accuracy));
        }
        let reach = point.reach.map_or("-".to_owned(), |reach| format!("{:.4}", reach * times));
        let least = point.least_count.map_or("never".to_owned(), |count| count.to_string());
        row + &format!(
            " {:>9} {:>6} {:>9.4} {reach:>9} {least:>11}",
            point.abstained,
            point.wrong,
            point.average_radius * times
        )
    };
    let unit = format!("certified accuracy by {}", document.subject.norm.shown_in().0);
    [unit, head].into_iter().chain(document.points.iter().map(row)).collect()
}

fn times(timing: &Timing) -> Vec<String> {
    let how = if timing.predicted { "predicted".to_owned() } else { format!("{} images", timing.images) };
    let mut lines = vec![
        format!("time: {} ({how})", timing.name),
        format!("{:<12} {:>12} {:>12} {:>12} {:>12}", "", "median ms", "p95", "p99", "us a sample"),
    ];
    lines.extend(timing.points.iter().map(|at| {
        let tail = |value: Option<f64>| value.map_or("-".to_owned(), |s| format!("{:.3}", s * 1e3));
        format!(
            "N = {:<8} {:>12.3} {:>12} {:>12} {:>12.1}",
            at.n,
            at.median_s * 1e3,
            tail(at.p95_s),
            tail(at.p99_s),
            at.us_per_sample
        )
    }));
    lines
}

fn anytime(document: &Document) -> Vec<String> {
    let target = document.subject.target_radius.unwrap_or(0.0);
    let mut lines = vec![
        format!("radius {target} with as few samples as it takes, at most N"),
        format!("{:<12} {:>12} {:>9} {:>9} {:>9}", "", "mean samples", "certified", "refuted", "abstained"),
    ];
    let points = document.points.iter().filter_map(|point| Some((point.n, point.anytime.as_ref()?)));
    lines.extend(points.map(|(n, at)| {
        format!(
            "N = {n:<8} {:>12.1} {:>9} {:>9} {:>9}",
            at.mean_samples, at.certified, at.refuted, at.abstained
        )
    }));
    lines
}

fn advice(advice: &Advice) -> String {
    let quality = advice.quality.name();
    let enough = advice.enough.map_or_else(
        || format!("no N has a positive {quality}"),
        |n| format!("N = {n} is enough for the best {quality}"),
    );
    let fit = match (advice.budget_ms, advice.within_budget) {
        (None, _) => String::new(),
        (Some(ms), Some(n)) => format!("; {ms} ms allow N = {n}"),
        (Some(ms), None) => format!("; {ms} ms allow no N that proves anything"),
    };
    format!("{}: {enough}{fit}", advice.timing)
}

fn claim(document: &Document) -> String {
    if document.subject.certificate {
        format!(
            "Each certificate of each N holds with probability at least 1 - {}; those of several N are not independent.",
            document.subject.alpha
        )
    } else {
        "Seeds derive from a given one: this is a replay or test, not a set of certificates.".to_owned()
    }
}

fn percent(share: &Share) -> String {
    format!("{:.1}", 100.0 * share.share)
}

fn with_interval(share: &Share) -> String {
    let (low, high) = share.interval_95;
    format!("{:.1} ({:.1}..{:.1})", 100.0 * share.share, 100.0 * low, 100.0 * high)
}
