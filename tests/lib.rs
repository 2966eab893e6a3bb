//! What the tests share: fixtures, tolerances, devices.
