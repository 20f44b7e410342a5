/// Rules of `Format.md` that can be left out, so that a test sees what breaks without them: those that nothing between the
/// log and the disk can take away. No setting and no option of the command line leads here.
struct Omissions: OptionSet, Hashable, Sendable {
    let rawValue: Int

    /// The CRC of each partition's last batch, as a commit record names it, is not compared.
    static let commitChecksums = Omissions(rawValue: 1)
    /// Commit records count behind one that does not.
    static let commitOrder = Omissions(rawValue: 2)
}
