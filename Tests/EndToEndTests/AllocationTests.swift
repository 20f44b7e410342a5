import Foundation
import Testing

@Suite("Heap allocations of the release binary", .timeLimit(.minutes(20)))
struct AllocationTests {
    /// Collects `count` lines with the allocation counter loaded, and returns how often the heap was asked.
    private func allocations(collecting count: Int) throws -> Int {
        let workspace = try Workspace()
        try workspace.write("app.log", Lines(count: count).content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let counter = URL(filePath: Surroundings.penstock).deletingLastPathComponent()
            .appending(path: "libAllocationCounter.so").path(percentEncoded: false)
        try #require(FileManager.default.fileExists(atPath: counter), "make test builds \(counter)")
        try Penstock.collect(
            workspace, pipeline: file,
            environment: ["LD_PRELOAD": counter, "PENSTOCK_ALLOCATIONS": workspace("allocations")])
        let text = String(decoding: try workspace.read("allocations"), as: UTF8.self)
        return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    @Test("A million lines are collected with fewer than one heap allocation per 100 lines")
    func millionLines() throws {
        let few = try allocations(collecting: 1000)
        let many = try allocations(collecting: 1_000_000)
        print("heap allocations: \(few) for 1,000 lines, \(many) for 1,000,000")
        #expect(few > 100, "the counter counts")
        // Starting, opening and ending cost the same for few lines as for many.
        #expect((many - few) * 100 < 999_000, "\(many - few) allocations for 999,000 lines")
    }
}
