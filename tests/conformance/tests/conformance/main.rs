//! Runs the suite over every available engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod embedded {
    vestibule_conformance::declare_tests!(Some(vestibule_conformance::Engine::embedded()));
}

mod in_process {
    vestibule_conformance::declare_tests!(Some(vestibule_conformance::Engine::in_process()));
}

mod group;
mod property;

mod given {
    vestibule_conformance::declare_tests!(vestibule_conformance::Engine::given());
}
