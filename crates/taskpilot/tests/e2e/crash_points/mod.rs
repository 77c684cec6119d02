//! Every fault at every fault point: one side of every durable step, struck once, in a system of real
//! processes that is judged by what its user was told and by what the handlers wrote down.

mod acknowledged;
mod case;
mod marks;
mod points;
mod scripts;
mod stand_in;
mod world;
