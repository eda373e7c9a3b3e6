//! Memory plan: where in a sample's arena each activation lies. Activations that are alive at the same time are
//! disjoint, but for a residual and the sum that takes its place; others share bytes.

use ringfence_runtime::format::layout::ALIGN;

use super::network::Network;

/// An activation's size and the layers from the one that writes it to the last that reads it (the image is written
/// by "layer" 0, layer i of the network is i + 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Bytes, border included.
    pub bytes: usize,
    /// First step at which it is alive.
    pub first: usize,
    /// Last step at which it is alive.
    pub last: usize,
}

impl Lifetime {
    fn meets(&self, other: &Lifetime) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    fn padded(&self) -> usize {
        self.bytes.next_multiple_of(ALIGN)
    }
}

/// Which activations share a room, and when each room is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rooms {
    /// Index into `lifetimes` for each activation.
    pub room: Vec<usize>,
    /// When each room is in use.
    pub lifetimes: Vec<Lifetime>,
}

/// A sum moves into the room of its residual if nobody needs that any more and both are laid out alike; every other
/// activation has a room of its own.
pub fn rooms(network: &Network) -> Rooms {
    let alive = lifetimes(network);
    let mut rooms = Rooms { room: (0..alive.len()).collect(), lifetimes: alive.clone() };
    for layer in &network.layers {
        let (Some(residual), Some(output)) = (layer.residual(), layer.output) else { continue };
        let shape = |t: usize| (network.tensors[t].bytes(), network.tensors[t].border);
        let last = alive[residual].last == alive[output].first;
        if last && residual != layer.input && shape(residual) == shape(output) {
            let room = rooms.room[residual];
            rooms.room[output] = room;
            rooms.lifetimes[room].last = alive[output].last;
            rooms.lifetimes[output].bytes = 0;
        }
    }
    rooms
}

/// When each activation of a network is alive.
fn lifetimes(network: &Network) -> Vec<Lifetime> {
    let whole = network.tensors.iter().map(|tensor| Lifetime { bytes: tensor.bytes(), first: 0, last: 0 });
    let mut lifetimes: Vec<Lifetime> = whole.collect();
    for (step, layer) in (1..).zip(&network.layers) {
        if let Some(output) = layer.output {
            (lifetimes[output].first, lifetimes[output].last) = (step, step);
        }
        layer.reads().for_each(|tensor| lifetimes[tensor].last = step);
    }
    lifetimes
}

/// Offsets of all activations and the bytes they take together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// First byte of each activation, a multiple of 64.
    pub offsets: Vec<usize>,
    /// Bytes of the arena, a multiple of 64.
    pub bytes: usize,
}

/// What an order sorts by, smallest first.
type Key = fn(&Lifetime) -> (usize, usize);

/// Offsets of a network's activations.
pub fn plan(network: &Network) -> Plan {
    let rooms = rooms(network);
    let Plan { offsets, bytes } = smallest(&rooms.lifetimes);
    Plan { offsets: rooms.room.iter().map(|room| offsets[*room]).collect(), bytes }
}

/// Places each at the lowest free offset, in several orders, and keeps the smallest arena.
pub fn smallest(lifetimes: &[Lifetime]) -> Plan {
    let orders: [Key; 3] = [
        |l| (usize::MAX - l.padded(), l.first),
        |l| (usize::MAX - l.padded() * (l.last - l.first + 1), l.first),
        |l| (l.first, usize::MAX - l.padded()),
    ];
    let [by_size, by_area, by_time] = orders.map(|key| {
        let mut order: Vec<usize> = (0..lifetimes.len()).collect();
        order.sort_by_key(|id| key(&lifetimes[*id]));
        place(lifetimes, &order)
    });
    [by_area, by_time]
        .into_iter()
        .fold(by_size, |best, plan| if plan.bytes < best.bytes { plan } else { best })
}

/// The most bytes alive at one step: no plan can take less.
pub fn lower_bound(lifetimes: &[Lifetime]) -> usize {
    let steps = lifetimes.iter().map(|l| l.first);
    let alive = |step: usize| lifetimes.iter().filter(move |l| (l.first..=l.last).contains(&step));
    steps.map(|step| alive(step).map(Lifetime::padded).sum()).max().unwrap_or(0)
}

fn place(lifetimes: &[Lifetime], order: &[usize]) -> Plan {
    let mut offsets = vec![0; lifetimes.len()];
    let mut placed: Vec<usize> = Vec::new();
    for &id in order {
        let lifetime = &lifetimes[id];
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|other| lifetimes[**other].meets(lifetime))
            .map(|other| (offsets[*other], offsets[*other] + lifetimes[*other].padded()))
            .collect();
        taken.sort_unstable();
        offsets[id] = taken
            .iter()
            .fold(0, |at, (start, end)| if at + lifetime.padded() <= *start { at } else { at.max(*end) });
        placed.push(id);
    }
    let bytes = lifetimes.iter().zip(&offsets).map(|(l, offset)| offset + l.padded()).max().unwrap_or(0);
    Plan { offsets, bytes }
}
