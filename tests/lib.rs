//! What the tests share: fixtures, tolerances, devices.

#[cfg(test)]
mod noise;
