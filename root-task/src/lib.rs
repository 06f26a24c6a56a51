//! The first program of a cluster: objects, address spaces, authority, supervision.
