//! What kind of character is which, as far as cutting a text needs to know.
//!
//! In: a character. Out: its class by Unicode's general categories, from a packed table that is generated
//! (`cargo xtask refresh-vocabularies`). It knows no other property.

/// What a character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// What is none of the others: signs, symbols, what cannot be seen.
    Sign = 0,
    /// A capital letter.
    Capital = 1,
    /// A small letter.
    Small = 2,
    /// A letter of scripts that know no capitals, or one that modifies.
    Letter = 3,
    /// A mark that is set on the letter before it.
    Mark = 4,
    /// A digit or another number.
    Number = 5,
    /// White space within a line.
    Space = 6,
    /// What ends a line.
    NewLine = 7,
}

impl Class {
    const ALL: [Self; 8] = [
        Self::Sign,
        Self::Capital,
        Self::Small,
        Self::Letter,
        Self::Mark,
        Self::Number,
        Self::Space,
        Self::NewLine,
    ];

    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Capital | Self::Small | Self::Letter)
    }

    /// What may stand where a word has its capitals.
    pub(super) fn is_capital(self) -> bool {
        matches!(self, Self::Capital | Self::Letter | Self::Mark)
    }

    /// What may stand where a word has its small letters.
    pub(super) fn is_small(self) -> bool {
        matches!(self, Self::Small | Self::Letter | Self::Mark)
    }

    /// What may stand before the letters of a word.
    pub(super) fn may_lead(self) -> bool {
        matches!(self, Self::Sign | Self::Mark | Self::Space)
    }

    pub(super) fn is_sign(self) -> bool {
        matches!(self, Self::Sign | Self::Mark)
    }

    pub(super) fn is_space(self) -> bool {
        matches!(self, Self::Space | Self::NewLine)
    }
}

/// Characters by class: those of the first plane one by one, the others in ranges.
#[derive(Debug)]
pub(super) struct Characters {
    first_plane: Vec<Class>,
    /// Where each range begins and what its characters are, in order.
    ranges: Vec<(u32, Class)>,
}

impl Characters {
    /// Reads an unpacked table: where each range begins (three bytes, the highest last) and its class.
    pub(super) fn read(table: &[u8]) -> Option<Self> {
        let mut ranges = Vec::with_capacity(table.len() / 4);
        for entry in table.chunks(4) {
            let &[low, middle, high, class] = entry else { return None };
            let class = *Class::ALL.get(usize::from(class))?;
            ranges.push((u32::from_le_bytes([low, middle, high, 0]), class));
        }
        let is_sorted = ranges.is_sorted_by(|one, other| one.0 < other.0);
        if !is_sorted || ranges.first().is_none_or(|(start, _)| *start != 0) {
            return None;
        }
        let mut first_plane = Vec::with_capacity(1 << 16);
        let ends = ranges.iter().skip(1).map(|(start, _)| *start).chain([u32::MAX]);
        for ((start, class), end) in ranges.iter().zip(ends) {
            let length = end.min(1 << 16).saturating_sub(*start);
            first_plane.extend(std::iter::repeat_n(*class, usize::try_from(length).ok()?));
        }
        Some(Self { first_plane, ranges })
    }

    #[inline]
    pub(super) fn of_ascii(&self, byte: u8) -> Class {
        self.first_plane.get(usize::from(byte)).copied().unwrap_or(Class::Sign)
    }

    #[inline]
    pub(super) fn of(&self, character: char) -> Class {
        let number = u32::from(character);
        let one_by_one = usize::try_from(number).ok().and_then(|number| self.first_plane.get(number));
        one_by_one.copied().unwrap_or_else(|| {
            let after = self.ranges.partition_point(|(start, _)| *start <= number);
            after.checked_sub(1).and_then(|at| self.ranges.get(at)).map_or(Class::Sign, |(_, class)| *class)
        })
    }
}
