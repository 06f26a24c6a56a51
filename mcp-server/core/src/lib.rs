//! The personality as a pure state machine.
