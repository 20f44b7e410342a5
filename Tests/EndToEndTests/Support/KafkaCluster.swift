import Foundation
import Testing

/// A real Apache Kafka broker on loopback, kept in a workspace; killed when the test lets go of it.
final class KafkaCluster {
    private let kit: String
    private let directory: String
    private(set) var address = ""

    /// The broker's data directory.
    var data: String { "\(directory)/node1/data" }

    /// Starts a broker, or the one that was stopped in this directory before.
    init(_ kit: String, in directory: String) throws {
        self.kit = kit
        self.directory = directory
    }

    func start(settings: [String: String] = [:]) throws {
        let options = settings.flatMap { ["--set", "\($0.key)=\($0.value)"] }
        let child = try Child("\(kit)/kafka-cluster", ["start", directory] + options)
        guard try child.end(within: .seconds(180)) == .exited(0) else { throw Trouble("no broker: \(child.tail)") }
        let line = child.text(.output).split(separator: "\n").first { $0.hasPrefix("BOOTSTRAP=") }
        guard let line else { throw Trouble("no broker's address: \(child.tail)") }
        address = String(line.dropFirst("BOOTSTRAP=".count))
    }

    func stop() throws { try command("stop") }

    /// Ends it as a crash does.
    func kill() throws { try command("kill", "1") }

    private func command(_ name: String, _ more: String...) throws {
        let child = try Child("\(kit)/kafka-cluster", [name, directory] + more)
        guard try child.end(within: .seconds(180)) == .exited(0) else { throw Trouble("cannot \(name): \(child.tail)") }
    }

    deinit { try? kill() }
}
