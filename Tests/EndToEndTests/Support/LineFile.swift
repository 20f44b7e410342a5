import Glibc

/// Reads a large file line by line through the C library.
final class LineFile {
    private let file: UnsafeMutablePointer<FILE>
    private var line: UnsafeMutablePointer<CChar>?
    private var capacity = 0

    init(_ path: String) throws {
        guard let file = fopen(path, "re") else {
            throw Trouble("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        self.file = file
    }

    deinit {
        free(line)
        fclose(file)
    }

    /// The next line without its newline; nil at the end.
    func next() -> [UInt8]? {
        let length = getline(&line, &capacity, file)
        guard length > 0, let line else { return nil }
        let bytes = UnsafeRawBufferPointer(start: line, count: length)
        return Array(bytes.last == 10 ? bytes.dropLast() : bytes[...])
    }
}
