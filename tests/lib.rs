//! What the tests share: fixtures, tolerances, devices.

#[cfg(test)]
mod house;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod sampler;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod tokens;
