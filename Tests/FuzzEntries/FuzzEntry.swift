import Records

/// What a fuzzer's bytes are given to: every parser of bytes from a disk or from a network, by itself or where it is used.
///
/// The first byte of an input says to whom the rest goes. What each makes of it stands with its function.
package enum FuzzEntry: UInt8, CaseIterable, Sendable {
    /// ``FuzzSite``: bytes in the place of a file, or changes of one, and the data directory is opened and read.
    case file
    /// The same, and the tools look at it and repair it.
    case tools
    /// Changes within batches whose checksums are right.
    case signed
    /// A key and a value in the place of a record's.
    case record
    /// A file of any name.
    case name
    /// ``FuzzBatches``
    case batch, messages, compressed
    /// ``FuzzWire``
    case request, response, value
    case position

    /// Must return, whatever the bytes are.
    /// - Returns: what was promised and not kept; nil if all was.
    package static func complaint(about input: [UInt8]) -> String? {
        var bytes = ByteReader(input)
        guard let entry = try? bytes.choose(allCases) else { return nil }
        do { return try entry.run(&bytes).map { "\(entry): \($0)" } } catch is Incomplete { return nil } catch {
            return "\(entry): \(error)"
        }
    }

    /// The bytes do not say what is to be done.
    struct Incomplete: Error {}

    /// - Throws: ``Incomplete``, or what should not have been thrown.
    private func run(_ bytes: inout ByteReader) throws -> String? {
        switch self {
        case .file: try FuzzSite.open(&bytes)
        case .tools: try FuzzSite.inspect(&bytes)
        case .signed: try FuzzSite.openSigned(&bytes)
        case .record: try FuzzSite.openRecord(&bytes)
        case .name: try FuzzSite.openNamed(&bytes)
        case .batch: try FuzzBatches.batch(&bytes)
        case .messages: try FuzzBatches.messages(&bytes)
        case .compressed: try FuzzBatches.compressed(&bytes)
        case .request: try FuzzWire.requests(&bytes)
        case .response: try FuzzWire.response(&bytes)
        case .value: try FuzzWire.value(&bytes)
        case .position: FuzzBatches.position(&bytes)
        }
    }

    /// Inputs that make sense, to begin with.
    package static var seeds: [[UInt8]] {
        allCases.flatMap { entry in entry.bodies.map { [entry.rawValue] + $0 } }
    }

    private var bodies: [[UInt8]] {
        switch self {
        case .file, .tools: FuzzSite.fileSeeds
        case .signed: FuzzSite.signedSeeds
        case .record: FuzzSite.recordSeeds
        case .name: FuzzSite.nameSeeds
        case .batch: FuzzBatches.batchSeeds
        case .messages: FuzzBatches.messageSeeds
        case .compressed: FuzzBatches.compressedSeeds
        case .request: FuzzWire.requestSeeds
        case .response: FuzzWire.responseSeeds
        case .value: FuzzWire.valueSeeds
        case .position: FuzzBatches.positionSeeds
        }
    }
}

extension ByteReader {
    /// What has not been read.
    mutating func rest() -> [UInt8] { Array((try? readBytes(remaining)) ?? []) }

    mutating func byte() throws -> UInt8 {
        guard let byte = try? read(UInt8.self) else { throw FuzzEntry.Incomplete() }
        return byte
    }

    /// One of some things, by a byte.
    mutating func choose<Thing>(_ things: [Thing]) throws -> Thing {
        let place = Int(try byte())
        guard !things.isEmpty else { throw FuzzEntry.Incomplete() }
        return things[place % things.count]
    }
}
