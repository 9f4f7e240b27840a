//! To come with the next step.
