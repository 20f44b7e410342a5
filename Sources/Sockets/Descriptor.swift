import Glibc

/// The one owner of an open descriptor: letting go of it closes it.
struct Descriptor: ~Copyable {
    let number: Int32

    /// Takes over `number` if it is one; nil for the kernel's -1.
    init?(_ number: Int32) {
        guard number >= 0 else { return nil }
        self.number = number
    }

    deinit { close(number) }
}
