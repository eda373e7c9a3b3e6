//! Queries: what they cost, what they show, and the worst that was seen.

use super::{AuditError, Target, Task};

/// Votes of a query are drawn so many times over before a candidate is suspected: a win by a few votes is often luck.
const SECOND_LOOK: u32 = 4;

/// Standard deviations by which a second look has to be lost before a search stops at the candidate.
const CLEAR: f64 = 4.0;

/// What one query shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Share of the votes by which the certified class leads the best other one; negative where it lost.
    pub margin: f64,
    /// The best other class.
    pub rival: usize,
}

/// An image of the ball and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The image.
    pub image: Vec<u8>,
    /// Its score.
    pub score: Score,
    /// Name of the search that found it.
    pub found_by: &'static str,
}

/// Answers queries about one certificate, while there are any left.
pub struct Oracle<'t> {
    target: &'t mut dyn Target,
    task: &'t Task<'t>,
    votes: u32,
    spent: u32,
    /// Count of spent queries at which the current search ends.
    end: u32,
    searcher: &'static str,
    worst: Option<Candidate>,
    /// The worst one lost so clearly that nothing more is looked for.
    clear: bool,
}

impl<'t> Oracle<'t> {
    /// Queries of `votes` votes each, none of them granted yet.
    pub fn new(target: &'t mut dyn Target, task: &'t Task<'t>, votes: u32) -> Self {
        Self { target, task, votes, spent: 0, end: 0, searcher: "", worst: None, clear: false }
    }

    /// Lets a search ask so many queries.
    pub fn grant(&mut self, searcher: &'static str, queries: u32) {
        self.searcher = searcher;
        self.end = self.spent.saturating_add(queries);
    }

    /// Queries spent.
    pub fn queries(&self) -> u32 {
        self.spent
    }

    /// Queries left for the current search.
    pub fn left(&self) -> u32 {
        self.end.saturating_sub(self.spent)
    }

    /// Scores an image, inside the ball or not; none when the search has to end: the queries are spent, or an image of
    /// the ball lost its votes clearly.
    ///
    /// # Errors
    /// The target gave no votes.
    pub fn score(&mut self, image: &[u8]) -> Result<Option<Score>, AuditError> {
        if self.clear || self.left() == 0 {
            return Ok(None);
        }
        self.spent += 1;
        let score = self.ask(image, self.votes)?;
        let known = self.worst.as_ref().map_or(f64::INFINITY, |worst| worst.score.margin);
        if !self.task.ball.contains(image) || score.margin >= known {
            return Ok(Some(score));
        }
        if score.margin >= 0.0 {
            self.note(image, score);
            return Ok(Some(score));
        }
        self.spent += SECOND_LOOK;
        let votes = self.votes * SECOND_LOOK;
        let second = self.ask(image, votes)?;
        self.note(image, second);
        self.clear = second.margin * f64::from(votes).sqrt() < -CLEAR;
        Ok((!self.clear).then_some(second))
    }

    /// The classifier, for votes that are no queries.
    pub fn target(&mut self) -> &mut dyn Target {
        self.target
    }

    /// The image of the ball with the smallest lead so far.
    pub fn worst(&self) -> Option<&Candidate> {
        self.worst.as_ref()
    }

    /// The image of the ball with the smallest lead.
    pub fn into_worst(self) -> Option<Candidate> {
        self.worst
    }

    /// The worst image, if it lost its votes; the next search can go on.
    pub fn suspect(&mut self) -> Option<Vec<u8>> {
        self.clear = false;
        self.worst.as_ref().filter(|worst| worst.score.margin < 0.0).map(|worst| worst.image.clone())
    }

    /// Gives the worst image the lead that many more votes show: a lucky one would keep better ones from being seen.
    pub fn correct(&mut self, margin: f64) {
        if let Some(worst) = &mut self.worst {
            worst.score.margin = margin;
        }
    }

    fn note(&mut self, image: &[u8], score: Score) {
        if self.worst.as_ref().is_none_or(|worst| score.margin < worst.score.margin) {
            self.worst = Some(Candidate { image: image.to_vec(), score, found_by: self.searcher });
        }
    }

    fn ask(&mut self, image: &[u8], votes: u32) -> Result<Score, AuditError> {
        let counts = self.target.votes(image, votes)?;
        let class = self.task.class;
        let others = counts.iter().enumerate().filter(|(other, _)| *other != class);
        let (rival, most) = others.max_by_key(|(_, count)| **count).map_or((class, 0), |(c, n)| (c, *n));
        let own = counts.get(class).copied().unwrap_or(0);
        Ok(Score { margin: (f64::from(own) - f64::from(most)) / f64::from(votes.max(1)), rival })
    }
}
