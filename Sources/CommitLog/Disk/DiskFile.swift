package import Glibc
package import Records

/// One open file. The methods ending in `Once` are one system call each, so that tests can cut them short; everyone
/// else uses the loops in the extension.
package protocol DiskFile: FileSpanSource {
    /// As it was opened; the file may have another name by now.
    var path: String { get }
    /// One read of at most `buffer.count` bytes.
    /// - Parameter position: from the beginning of the file; nil reads on from where the last sequential read ended.
    /// - Returns: bytes read, 0 at the end.
    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int
    /// One gathering write at `position`.
    /// - Returns: bytes written, possibly fewer than given.
    func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int
    /// Makes the bytes and the size durable (fdatasync).
    func sync() throws(DiskError)
    func truncate(to size: Int64) throws(DiskError)
    /// Takes room on the disk for `bytes` from the beginning of the file, so that writing there cannot fill the disk.
    /// The file's size stays; what lies beyond it goes back when the file is truncated.
    func allocate(_ bytes: Int64) throws(DiskError)
    func status() throws(DiskError) -> FileStatus
    /// Takes the whole file's lock for writing, which other processes see (fcntl, per open file), or throws at once.
    func lock() throws(DiskError)
    /// The first `length` bytes for reading: mapped where the disk can. Only for files of ours that nobody truncates.
    func map(length: Int) throws(DiskError) -> MappedBytes
    /// Closes before the last reference goes. No other call may be under way.
    func close()
}

extension DiskFile {
    /// Adds bytes to a block: one read, repeated only while it is interrupted.
    /// - Parameter position: nil reads on (pipes).
    /// - Returns: how many were added, 0 at the end of the file.
    package func read(into block: Block, limit: Int = .max, at position: Int64? = nil) throws(DiskError) -> Int {
        while true {
            do throws(DiskError) {
                return try unsafe block.fill(limit: limit) { (free) throws(DiskError) in
                    // Safety: `free` is lent for this call only.
                    try unsafe readOnce(into: free, at: position)
                }
            } catch {
                guard error.isInterrupted else { throw error }
            }
        }
    }

    /// Up to `count` bytes at `position`, fewer only at the end of the file.
    package func readBytes(at position: Int64, count: Int) throws(DiskError) -> [UInt8] {
        // A few bytes are asked for without a look at how many there are.
        let there = count <= Disk.fewBytes ? .max : try status().size - position
        let room = max(0, min(Int64(count), there))
        // An empty array is one that all share, and making one this way writes into it.
        guard room > 0 else { return [] }
        var failure: DiskError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(room)) { buffer, filled in
            do throws(DiskError) {
                // Safety: the buffer is the array's own, and `filled` is what was read into it.
                filled = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: position)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The header of a batch at `position`; nil if none stands there.
    func batchHeader(at position: Int64) throws(DiskError) -> BatchHeader? {
        try unsafe withUnsafeTemporaryAllocation(byteCount: BatchHeader.size, alignment: 8) {
            (room) throws(DiskError) in
            // Safety: as many bytes are looked at as were read.
            let count = try unsafe read(into: room, at: position)
            return unsafe try? BatchHeader(parsing: room.bytes.extracting(0..<count))
        }
    }

    /// Fills `buffer` from `position`, stopping only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(DiskError) -> Int {
        var done = 0
        while done < buffer.count {
            do throws(DiskError) {
                // Safety: `done < buffer.count`.
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let count = try unsafe readOnce(into: rest, at: position + Int64(done))
                guard count > 0 else { break }
                done += count
            } catch {
                guard error.isInterrupted else { throw error }
            }
        }
        return done
    }

    /// Writes all of `bytes` at `position`. After an error any part of them may stand in the file.
    package func write(_ bytes: [UInt8], at position: Int64) throws(DiskError) {
        try unsafe bytes.rawSpan.withUnsafeBytes { (raw: UnsafeRawBufferPointer) throws(DiskError) -> Void in
            guard let base = raw.baseAddress else { return }
            var vector = unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: base), iov_len: raw.count)
            // Safety: the vector points at the array's bytes, which are only read.
            try unsafe withUnsafeMutablePointer(to: &vector) {
                (one: UnsafeMutablePointer<iovec>) throws(DiskError) -> Void in
                try unsafe writeAll(UnsafeMutableBufferPointer(start: one, count: 1), at: position)
            }
        }
    }

    /// Writes all that the vectors point at, whatever one call takes. Consumes the vectors.
    func writeAll(_ vectors: UnsafeMutableBufferPointer<iovec>, at start: Int64) throws(DiskError) {
        var position = start
        var next = 0
        while next < vectors.count {
            guard unsafe vectors[next].iov_len > 0 else {
                next += 1
                continue
            }
            var written = 0
            do throws(DiskError) {
                let batch = min(vectors.count - next, Self.vectorLimit)
                // Safety: `next + batch ≤ vectors.count`.
                let part = unsafe UnsafeBufferPointer(rebasing: vectors[next..<next + batch])
                written = try unsafe writeOnce(part, at: position)
            } catch {
                guard error.isInterrupted else { throw error }
            }
            position += Int64(written)
            while written > 0 {
                let taken = unsafe min(written, vectors[next].iov_len)
                // Safety: `taken` stays within the bytes that this vector points at.
                unsafe vectors[next].iov_base += taken
                unsafe vectors[next].iov_len -= taken
                written -= taken
                if unsafe vectors[next].iov_len == 0 { next += 1 }
            }
        }
    }

    /// IOV_MAX on Linux.
    private static var vectorLimit: Int { 1024 }

    package func read(position: Int64, length: Int) throws -> [UInt8] {
        try readBytes(at: position, count: length)
    }
}
