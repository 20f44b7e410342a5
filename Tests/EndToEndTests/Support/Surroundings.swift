import Foundation

/// What the tests find around them: the checkout, the binary under test, and what other people's programs are there.
enum Surroundings {
    static let environment = ProcessInfo.processInfo.environment

    /// The checkout's root, from this file's place in it.
    static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().standardizedFileURL.path(percentEncoded: false)
        .trimmingSuffix("/")

    /// The binary under test.
    static let penstock = environment["PENSTOCK_BINARY"] ?? "\(checkout)/.build/release/penstock"

    /// The folder of test material that is not part of the repository; nil where it is not there.
    static let shared: String? = existing(
        environment["PENSTOCK_SHARED"]
            ?? URL(filePath: checkout).deletingLastPathComponent().appending(path: "shared").path(percentEncoded: false)
    )

    /// Runs Apache Kafka's own tools; nil where they or Java are not there.
    static let kafkaTools: String? = shared.flatMap { existing("\($0)/peers/kafka/kafka") }.flatMap {
        found("java") == nil ? nil : $0
    }

    static let kcat: String? = found("kcat")

    /// A Python that can import `kafka` (kafka-python, with the codec that topics have): Debian's own, or the first in PATH.
    static let pythonWithKafka: String? = ["/usr/bin/python3", "python3"].first { python in
        (try? Child(python, ["-c", "import kafka, lz4.frame"]).end()) == .exited(0)
    }

    static let isRoot = getuid() == 0

    private static func existing(_ path: String) -> String? {
        FileManager.default.fileExists(atPath: path) ? path : nil
    }

    private static func found(_ program: String) -> String? {
        (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
