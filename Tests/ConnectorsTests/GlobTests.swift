import CommitLog
import Foundation
import Testing

@testable import Connectors

@Suite("Globs")
struct GlobTests {
    @Test(
        "match names as a shell does",
        arguments: [
            ("*.log", "a.log", true), ("*.log", ".log", false), (".*", ".a", true), ("a?c", "abc", true),
            ("a?c", "ac", false), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[!a-c]x", "dx", true),
            ("[]]", "]", true), ("[a", "[a", true), ("\\*", "*", true), ("\\*", "x", false), ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false), ("*", "", true), ("", "", true), ("", "a", false), ("**", "abc", true),
        ])
    func names(pattern: String, name: String, expected: Bool) {
        #expect(Glob.matches(Array(pattern.utf8)[...], Array(name.utf8)[...]) == expected)
    }

    @Test("a pattern that could be tried in endless ways is answered at once")
    func stars() {
        let pattern = Array((String(repeating: "a*", count: 60) + "b").utf8)
        let name = [UInt8](repeating: 97, count: 5000)
        #expect(!Glob.matches(pattern[...], name[...]))
    }

    @Test("find files in folders, sorted, and describe paths")
    func paths() throws {
        let bench = try Workbench()
        for folder in ["a", "b", ".c"] {
            try FileManager.default.createDirectory(atPath: bench.path(folder), withIntermediateDirectories: false)
            bench.write("", to: folder + "/x.log")
            bench.write("", to: folder + "/y.txt")
        }
        var failures: [DiskError] = []
        let found = Glob(bench.path("*/?.log")).expand(on: .real, failures: &failures)
        #expect(found == [bench.path("a/x.log"), bench.path("b/x.log")])
        #expect(Glob(bench.path("*/x.log")).folders(on: .real) == [bench.path("a"), bench.path("b")])
        #expect(Glob("*.log").describes("/any/where/x.log"))
        #expect(Glob("/any/*/x.log").describes("/any/where/x.log"))
        #expect(!Glob("/any/*.log").describes("/any/where/x.log"))
        #expect(failures.isEmpty)
    }
}
