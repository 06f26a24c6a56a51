//! The one command line of Atoll: build, run, test, plan.
