import Glibc

/// stdout or stderr. Writes at once; nothing is kept back.
struct Console: Sendable {
    let descriptor: Int32

    static let out = Console(descriptor: STDOUT_FILENO)
    static let err = Console(descriptor: STDERR_FILENO)

    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Characters in a line of the terminal; 80 if there is none.
    var columns: Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    /// The text and a newline.
    func line(_ text: String) { write(text + "\n") }

    func write(_ text: String) { _ = write(Array(text.utf8)) }

    /// Writes all bytes.
    /// - Returns: false if the other end is gone, or the disk behind it is full.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
                continue
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

/// Rows of text in aligned columns.
struct Table {
    /// Columns that hold numbers are aligned at their right.
    var numbers: Set<Int> = []
    private var rows: [[String]]

    init(_ titles: [String], numbers: Set<Int> = []) {
        rows = [titles]
        self.numbers = numbers
    }

    /// Control characters are written out: clients choose the names of their groups.
    mutating func add(_ row: [String]) { rows.append(row.map(\.withControlsEscaped)) }

    /// The lines, without the last newline.
    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        let lines = rows.map { row in
            row.indices.map { column in
                if numbers.contains(column) { return row[column].padded(left: widths[column]) }
                return column == columns - 1 ? row[column] : row[column].padded(to: widths[column])
            }.joined(separator: "  ")
        }
        return lines.joined(separator: "\n")
    }
}
