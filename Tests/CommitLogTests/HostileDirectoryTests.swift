import CommitLog
import Foundation
import Glibc
import Records
import TestSupport
import Testing

/// The tools on directories that somebody has filled to harm them.
@Suite struct HostileDirectoryTests {
    /// Everything that the tools do; nothing of it may trap, hang, or change anything in a dry run.
    private func inspect(_ path: String, _ disk: Disk) {
        _ = try? Inspection.dump(path, disk)
        _ = try? Inspection.findings(path, disk)
        repair(path, disk, isDry: true)
    }

    private func repair(_ path: String, _ disk: Disk, isDry: Bool) {
        var options = LogRepair.Options()
        options.isDry = isDry
        guard let place = try? InspectedPlace.at(path, disk: disk) else { return }
        _ = try? LogRepair(place, options, disk: disk) { _ in }.run()
    }

    private func all(_ memory: MemoryDisk) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for path in memory.files { files[path] = memory.bytes(of: path) }
        return files
    }

    @Test(
        "files of any bytes are told, verified and repaired, and a dry run changes nothing", arguments: Seeds.some(40))
    func anyBytes(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let log = try GeneratedLog(seed: 1, steps: 20)
        try log.directory.close()
        let memory = log.memory
        for path in memory.files where path != "/d/meta.properties" && Int.random(in: 0..<4, using: &random) == 0 {
            var bytes = memory.bytes(of: path) ?? []
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes = random.bytes(Int.random(in: 0...600, using: &random))
            case 1: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            case 2: bytes = [UInt8](repeating: [0, 0x7f, 0xff].randomElement(using: &random) ?? 0, count: bytes.count)
            default:
                for _ in 0..<8 where !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            memory.setBytes(of: path, to: bytes)
        }
        let before = all(memory)
        inspect("/d", memory.disk)
        for path in memory.files { inspect(path, memory.disk) }
        #expect(all(memory) == before)
        repair("/d", memory.disk, isDry: false)
        for copy in memory.files where !copy.hasPrefix("/d/penstock-cut/") && before[copy] == nil {
            #expect(copy.hasSuffix("index") || copy.hasSuffix("penstock-positions-damaged"), "\(copy) was made")
        }
        inspect("/d", memory.disk)
    }

    @Test(
        "what is called like a file and is none, or is too large for one, is told and stays",
        arguments: [
            "00000000000000000000.log", "00000000000000000002.log", "00000000000000000002.index",
            "00000000000000000002.timeindex", "00000000000000000002.txnindex", "00000000000000000002.snapshot",
            "leader-epoch-checkpoint", "partition.metadata", "00000000000000099999.log", "00000000000000099999.index",
        ])
    func noFiles(name: String) throws {
        try Make.withDirectory { path in
            let directory = try DataDirectory.open(path + "/d")
            for topic in ["t", "u"] {
                let topic = try directory.createTopic(topic, partitions: 1, configuration: Make.tiny)
                let value = String(repeating: "x", count: 230)
                // Two batches in each segment.
                for _ in 0..<6 { _ = try directory.append(Make.batch([value]), to: topic.partitions[0]) }
            }
            try directory.close()
            // Something to do in another partition.
            try Disk.real.open(path + "/d/u-0/00000000000000000004.log", .readWrite).write([1, 2, 3], at: 5_000)
            let place = "\(path)/d/t-0/\(name)"
            let kinds: [(String) throws -> Void] = [
                { #expect(mkfifo($0, 0o600) == 0) },
                { try FileManager.default.createDirectory(atPath: $0, withIntermediateDirectories: false) },
                { try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: "/dev/zero") },
                { try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: $0) },
                { try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: path + "/nothing") },
                { try Disk.real.open($0, .create).truncate(to: 1 << 42) },
            ]
            for (number, make) in kinds.enumerated() {
                // A walk over 2 GiB takes a debug build too long.
                if number == 5, name.hasSuffix("log") || name.hasSuffix("index") { continue }
                unlink(place)
                try make(place)
                let kind = try FileManager.default.attributesOfItem(atPath: place)[.type] as? FileAttributeType
                inspect(path + "/d", .real)
                inspect(path + "/d/t-0", .real)
                inspect(place, .real)
                repair(path + "/d", .real, isDry: false)
                let after = try? FileManager.default.attributesOfItem(atPath: place)
                #expect(after?[.type] as? FileAttributeType == kind, "\(name), kind \(number)")
                // Nobody has room for a copy of it.
                if number == 5 { #expect(after?[.size] as? Int == 1 << 42, "\(name)") }
                rmdir(place)
            }
            #expect(try Inspection.findings(path + "/d/u-0", .real).isEmpty, "the other partition was not repaired")
        }
    }
}
