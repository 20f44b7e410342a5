import Foundation
import Testing

@Suite("The pipelines that come along", .timeLimit(.minutes(20)))
struct PipelineFileTests {
    static let files: [String] = {
        let folder = "\(Surroundings.checkout)/pipelines"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted()
    }()

    @Test("There is a quickstart")
    func quickstart() { #expect(Self.files.contains("quickstart.yaml")) }

    @Test("Each loads, runs, and stops cleanly", arguments: files)
    func runs(name: String) throws {
        let workspace = try Workspace()
        let path = "\(Surroundings.checkout)/pipelines/\(name)"
        let check = try Penstock.command(["check", path], in: workspace)
        #expect(check.ending == .exited(0), "\(check.errors)")
        let penstock = try Penstock(workspace, pipelines: [path])
        try penstock.stop()
    }
}
