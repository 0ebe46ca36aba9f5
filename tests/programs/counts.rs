//! How many CPUs Rust's standard library counts. One line of `way=count`.

fn main() {
    println!("own={}", std::thread::available_parallelism().expect("a number"));
}
