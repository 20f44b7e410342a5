package import Settings

/// Options of the source `tail`.
package struct TailOptions: Options {
    package var paths: [String] = []
    package var exclude: [String] = []
    /// With the framing of a record it fits `max.message.bytes` of a default topic (1,048,588).
    package var maxLine = ByteCount(1_000_000)
    package var hold = Duration.seconds(5)
    package var rescan = Duration.seconds(10)
    package var maxOpenFiles = 1024
    package var skipBinary = false
    package var block = ByteCount.kibibytes(512)

    package init() {}

    package mutating func walk(_ walker: inout some OptionWalker) {
        walker.option(
            "paths", &paths, .required, "Files to read: globs (`*`, `?`, `[…]` within a name; `**` is not special).",
            example: "[/var/log/nginx/*.log]")
        walker.check("paths", paths.isEmpty ? "expected at least one path, found an empty list" : nil)
        walker.check("paths", paths.contains("") ? "expected a path, found an empty text" : nil)
        walker.option(
            "exclude", &exclude, "Files to leave out: globs; one without `/` is held against the name alone.",
            example: "[\"*.gz\"]")
        walker.option(
            "max_line", &maxLine, range: ByteCount(1)...ByteCount.mebibytes(64),
            "Longer lines are split: the parts behind the first carry the header `continuation`.")
        walker.option(
            "hold", &hold, range: Duration.milliseconds(10)...,
            "How long a line without its newline may rest before it is taken for whole.")
        walker.option(
            "rescan", &rescan, range: Duration.milliseconds(10)...,
            "How often to look for what the kernel did not tell of (network file systems).")
        walker.option(
            "max_open_files", &maxOpenFiles, range: 1...1_000_000,
            "Files kept open; beyond that those that rested longest are closed until they change.")
        walker.option(
            "skip_binary", &skipBinary, "Leave out files that have a NUL byte in their first 4 KiB when they are found."
        )
        walker.option(
            "block", &block, range: ByteCount.kibibytes(64)...ByteCount.mebibytes(16),
            "Bytes read at a time, over all files.")
    }
}
