//! Lists.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bytes that an element takes beside what it holds, about.
pub(crate) const ELEMENT: usize = 48;

/// A list.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    elements: VecDeque<Box<[u8]>>,
    bytes: usize,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl List {
    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        self.elements.get(index).map(|element| &**element)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.elements.iter().map(|element| &**element)
    }

    /// So many elements from a place on.
    pub(crate) fn range(&self, start: usize, count: usize) -> impl Iterator<Item = &[u8]> {
        self.iter().skip(start).take(count)
    }

    /// The element at an end.
    pub(crate) fn end(&self, side: Side) -> Option<&[u8]> {
        let element = match side {
            Side::Left => self.elements.front(),
            Side::Right => self.elements.back(),
        };
        element.map(|element| &**element)
    }

    pub(crate) fn push(&mut self, side: Side, element: &[u8]) {
        self.bytes += element.len() + ELEMENT;
        match side {
            Side::Left => self.elements.push_front(element.into()),
            Side::Right => self.elements.push_back(element.into()),
        }
    }

    pub(crate) fn pop(&mut self, side: Side) -> Option<Box<[u8]>> {
        let element = match side {
            Side::Left => self.elements.pop_front(),
            Side::Right => self.elements.pop_back(),
        }?;
        self.bytes -= element.len() + ELEMENT;
        self.shrink();
        Some(element)
    }

    /// Puts an element in the place of another one; whether there is such a place.
    pub(crate) fn set(&mut self, index: usize, element: &[u8]) -> bool {
        let Some(place) = self.elements.get_mut(index) else {
            return false;
        };
        self.bytes = self.bytes - place.len() + element.len();
        *place = element.into();
        true
    }

    pub(crate) fn insert(&mut self, index: usize, element: &[u8]) {
        self.bytes += element.len() + ELEMENT;
        let index = index.min(self.len());
        self.elements.insert(index, element.into());
    }

    /// Keeps so many elements from a place on.
    pub(crate) fn trim(&mut self, start: usize, count: usize) {
        let end = start.saturating_add(count).min(self.len());
        self.elements.truncate(end);
        self.elements.drain(..start.min(end));
        self.bytes = self.iter().map(|element| element.len() + ELEMENT).sum();
        self.shrink();
    }

    /// Removes elements that are equal to one, at most so many from one end on; how many.
    pub(crate) fn remove(&mut self, side: Side, most: usize, element: &[u8]) -> usize {
        let is_it = |(index, there): (usize, &[u8])| (there == element).then_some(index);
        let all = self.iter().enumerate();
        let mut places: Vec<usize> = match side {
            Side::Left => all.filter_map(is_it).take(most).collect(),
            Side::Right => all.rev().filter_map(is_it).take(most).collect(),
        };
        places.sort_unstable();
        let (mut index, mut next) = (0, places.iter().peekable());
        self.elements.retain(|_| {
            let goes = next.next_if(|place| **place == index).is_some();
            index += 1;
            !goes
        });
        self.bytes -= places.len() * (element.len() + ELEMENT);
        self.shrink();
        places.len()
    }

    /// Gives back what a list that was long no longer needs.
    fn shrink(&mut self) {
        let capacity = self.elements.capacity();
        if capacity > 64 && self.len() < capacity / 4 {
            self.elements.shrink_to(self.len() * 2);
        }
    }
}
