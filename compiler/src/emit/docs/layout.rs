//! Where the boxes of a layered picture stand, and the ways of the arrows between them.
//!
//! An arrow that passes a column gets a waypoint there, a narrow slot like a box of its own, so that no arrow runs behind a box.
//! Columns are ordered by the mean place of their neighbours (barycentre sweeps, after Sugiyama, Tagawa and Toda, 1981), then
//! every slot is drawn towards its neighbours as far as its own neighbours above and below let it.
//!
//! All in integers: the same plan gives the same picture, byte by byte.

/// Passes over all columns, for the order and again for the heights. Pictures of tens of boxes settle within four.
const SWEEPS: usize = 8;
/// Shares of a slot that means are counted in.
const FINE: usize = 1024;

/// Pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measures {
    /// Left edge of a column to the left edge of the next.
    pub(super) column_step: usize,
    /// Of a box.
    pub(super) box_width: usize,
    /// Of a box.
    pub(super) box_height: usize,
    /// Between two boxes of a column.
    pub(super) gap: usize,
    /// Room that an arrow takes where it passes a column.
    pub(super) way_height: usize,
}

/// A box, or a waypoint of an arrow.
#[derive(Clone, Debug)]
struct Slot {
    column: usize,
    height: usize,
    /// Top edge.
    y: usize,
    /// Slots of the column before and the column behind that it is joined with.
    before: Vec<usize>,
    behind: Vec<usize>,
}

/// The places.
#[derive(Debug)]
pub(super) struct Layout {
    slots: Vec<Slot>,
    /// Slots of each column from top to bottom.
    columns: Vec<Vec<usize>>,
    /// Slots that each arrow visits, start and end included.
    ways: Vec<Vec<usize>>,
    measures: Measures,
}

impl Layout {
    /// Lays out boxes, each with its column, and arrows between them, each from a lower to a higher column.
    pub(super) fn new(boxes: &[usize], arrows: &[(usize, usize)], measures: Measures) -> Self {
        let last = boxes.iter().copied().max().unwrap_or(0);
        let mut layout = Self {
            slots: Vec::new(),
            columns: vec![Vec::new(); last + 1],
            ways: Vec::new(),
            measures,
        };
        for column in boxes {
            layout.add(*column, measures.box_height);
        }
        for (from, to) in arrows {
            layout.join(*from, *to);
        }
        layout.order();
        layout.stack();
        layout.settle();
        layout
    }

    /// Top edge of a box.
    pub(super) fn y(&self, index: usize) -> usize {
        self.slots.get(index).map_or(0, |slot| slot.y)
    }

    /// Lowest edge of all.
    pub(super) fn height(&self) -> usize {
        self.slots.iter().map(|slot| slot.y + slot.height).max().unwrap_or(0)
    }

    /// SVG path of an arrow, `x` and `y` being the place of the picture's left upper corner.
    pub(super) fn path(&self, arrow: usize, x: usize, y: usize) -> String {
        let stops = self.ways.get(arrow).map_or(&[][..], Vec::as_slice);
        let mut path = String::new();
        let mut at: Option<(usize, usize)> = None;
        for stop in stops.iter().filter_map(|index| self.slots.get(*index)) {
            let left = x + stop.column * self.measures.column_step;
            let middle = y + stop.y + stop.height / 2;
            if let Some((from_x, from_y)) = at {
                let half = left.saturating_sub(from_x) / 2;
                let (near, far) = (from_x + half, left.saturating_sub(half));
                path.push_str(&format!(" C{near} {from_y} {far} {middle} {left} {middle}"));
            }
            let right = left + self.measures.box_width;
            match (at, stop.height == self.measures.way_height) {
                (None, _) => path.push_str(&format!("M{right} {middle}")),
                (Some(_), true) => path.push_str(&format!(" H{right}")),
                (Some(_), false) => {}
            }
            at = Some((right, middle));
        }
        path
    }

    fn add(&mut self, column: usize, height: usize) -> usize {
        let index = self.slots.len();
        self.slots.push(Slot { column, height, y: 0, before: Vec::new(), behind: Vec::new() });
        if let Some(slots) = self.columns.get_mut(column) {
            slots.push(index);
        }
        index
    }

    fn join(&mut self, from: usize, to: usize) {
        let column = |index: usize, slots: &[Slot]| slots.get(index).map_or(0, |slot| slot.column);
        let (start, end) = (column(from, &self.slots), column(to, &self.slots));
        let mut way = vec![from];
        for passed in start + 1..end {
            way.push(self.add(passed, self.measures.way_height));
        }
        way.push(to);
        for pair in way.windows(2) {
            let [left, right] = pair else { continue };
            if let Some(slot) = self.slots.get_mut(*left) {
                slot.behind.push(*right);
            }
            if let Some(slot) = self.slots.get_mut(*right) {
                slot.before.push(*left);
            }
        }
        self.ways.push(way);
    }

    /// Orders every column by the mean place of its neighbours, forth and back.
    fn order(&mut self) {
        for sweep in 0..SWEEPS {
            let forth = sweep % 2 == 0;
            for step in 0..self.columns.len() {
                let column = if forth { step } else { self.columns.len() - 1 - step };
                let places = self.places();
                let Some(mut slots) = self.columns.get(column).cloned() else { continue };
                slots.sort_by_key(|index| {
                    let own = places.get(*index).copied().unwrap_or(0);
                    self.mean(*index, forth, |other| places.get(other).copied().unwrap_or(0))
                        .unwrap_or(own)
                });
                if let Some(column) = self.columns.get_mut(column) {
                    *column = slots;
                }
            }
        }
    }

    /// Place of every slot within its column, as a share of the column.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.slots.len()];
        for column in &self.columns {
            for (row, index) in column.iter().enumerate() {
                if let Some(place) = places.get_mut(*index) {
                    *place = (2 * row + 1) * FINE / (2 * column.len());
                }
            }
        }
        places
    }

    fn mean(&self, index: usize, forth: bool, of: impl Fn(usize) -> usize) -> Option<usize> {
        let slot = self.slots.get(index)?;
        let others = if forth { &slot.before } else { &slot.behind };
        let sum: usize = others.iter().map(|other| of(*other)).sum();
        sum.checked_div(others.len())
    }

    /// Every column from the top, centred beside the tallest.
    fn stack(&mut self) {
        let columns = self.columns.clone();
        let heights: Vec<usize> = columns.iter().map(|column| self.tall(column)).collect();
        let tallest = heights.iter().copied().max().unwrap_or(0);
        for (column, height) in columns.iter().zip(heights) {
            let mut y = (tallest - height) / 2;
            for index in column {
                if let Some(slot) = self.slots.get_mut(*index) {
                    slot.y = y;
                    y += slot.height + self.measures.gap;
                }
            }
        }
    }

    fn tall(&self, column: &[usize]) -> usize {
        let heights = column.iter().filter_map(|index| self.slots.get(*index));
        let sum: usize = heights.map(|slot| slot.height + self.measures.gap).sum();
        sum.saturating_sub(self.measures.gap)
    }

    /// Draws every slot towards the middle of its neighbours. The picture does not grow: what would leave it is pushed back.
    fn settle(&mut self) {
        let floor = self.height();
        for sweep in 0..SWEEPS {
            let forth = sweep % 2 == 0;
            for step in 0..self.columns.len() {
                let at = if forth { step } else { self.columns.len() - 1 - step };
                let Some(column) = self.columns.get(at).cloned() else { continue };
                let wanted = column.iter().map(|index| self.wanted(*index, forth)).collect();
                self.spread(&column, wanted, floor);
            }
        }
    }

    fn wanted(&self, index: usize, forth: bool) -> usize {
        let middle =
            |other: usize| self.slots.get(other).map_or(0, |slot| slot.y + slot.height / 2);
        let half = self.slots.get(index).map_or(0, |slot| slot.height / 2);
        self.mean(index, forth, middle)
            .map_or_else(|| self.y(index), |mean| mean.saturating_sub(half))
    }

    /// Gives a column its wanted tops, moved down and then up as far as the order and the picture's height ask for.
    fn spread(&mut self, column: &[usize], mut tops: Vec<usize>, floor: usize) {
        let height = |slots: &[Slot], index: usize| slots.get(index).map_or(0, |slot| slot.height);
        let mut free = 0;
        for (top, index) in tops.iter_mut().zip(column) {
            *top = (*top).max(free);
            free = *top + height(&self.slots, *index) + self.measures.gap;
        }
        let mut limit = floor;
        for (top, index) in tops.iter_mut().zip(column).rev() {
            *top = (*top).min(limit.saturating_sub(height(&self.slots, *index)));
            limit = top.saturating_sub(self.measures.gap);
        }
        for (top, index) in tops.into_iter().zip(column) {
            if let Some(slot) = self.slots.get_mut(*index) {
                slot.y = top;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: Measures =
        Measures { column_step: 100, box_width: 60, box_height: 40, gap: 20, way_height: 10 };

    #[test]
    fn nothing_overlaps_and_nothing_leaves_the_picture() {
        let boxes = [0, 0, 1, 1, 1, 2, 3, 3];
        let arrows = [(0, 2), (0, 7), (1, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 6)];
        let layout = Layout::new(&boxes, &arrows, MEASURES);
        for column in &layout.columns {
            for pair in column.windows(2) {
                let (above, below) = (&layout.slots[pair[0]], &layout.slots[pair[1]]);
                assert!(above.y + above.height + MEASURES.gap <= below.y, "{layout:?}");
            }
        }
    }

    #[test]
    fn an_arrow_that_passes_a_column_runs_between_its_boxes() {
        let layout = Layout::new(&[0, 1, 2], &[(0, 1), (1, 2), (0, 2)], MEASURES);
        let waypoint = &layout.slots[layout.ways[2][1]];
        let passed = &layout.slots[1];
        assert!(waypoint.y >= passed.y + passed.height || waypoint.y + waypoint.height <= passed.y);
        assert!(layout.path(2, 0, 0).contains(" H160"), "{}", layout.path(2, 0, 0));
    }

    #[test]
    fn crossed_columns_are_uncrossed() {
        let layout = Layout::new(&[0, 0, 1, 1], &[(0, 3), (1, 2)], MEASURES);
        assert!((layout.y(0) < layout.y(1)) == (layout.y(3) < layout.y(2)));
    }
}
