import Settings
import Testing

@Suite("units") struct UnitTests {
    @Test(
        "sizes are read with every unit",
        arguments: [
            ("17B", 17), ("1kB", 1_000), ("1KB", 1_000), ("4KiB", 4_096), ("3MB", 3_000_000), ("64MiB", 67_108_864),
            ("2GB", 2_000_000_000), ("1GiB", 1_073_741_824), ("1TB", 1_000_000_000_000), ("1TiB", 1_099_511_627_776),
            ("0", 0), ("00", 0), ("8 MiB", 8_388_608),
        ])
    func sizes(text: String, bytes: Int) throws {
        #expect(try ByteCount.parse(text)?.bytes == bytes)
    }

    @Test(
        "times are read with every unit",
        arguments: [
            ("5ns", Duration.nanoseconds(5)), ("5us", .microseconds(5)), ("250ms", .milliseconds(250)),
            ("10s", .seconds(10)), ("2m", .seconds(120)), ("3h", .seconds(10_800)), ("7d", .seconds(604_800)),
            ("0", .zero),
        ])
    func times(text: String, time: Duration) throws {
        #expect(try Duration.parse(text) == time)
    }

    @Test("what is no size is refused", arguments: ["", "1", "MiB", "-1MiB", "1.5MiB", "1mib", "1 M", "１MiB", "1MiB "])
    func noSize(text: String) throws {
        #expect(try ByteCount.parse(text) == nil)
    }

    @Test("a size or time past 63 bits is refused", arguments: ["8388608TiB", "9223372036854775808B"])
    func overflow(text: String) {
        #expect(throws: ScalarProblem.self) { try ByteCount.parse(text) }
        #expect(throws: ScalarProblem.self) { try Duration.parse("106752d") }
    }

    @Test(
        "a size is written as it would be read, the shortest way",
        arguments: [
            (0, "0"), (1, "1B"), (1_000, "1kB"), (1_024, "1KiB"), (1_500, "1500B"), (262_144, "256KiB"),
            (1_000_000, "1MB"), (1 << 30, "1GiB"), (3 << 40, "3TiB"),
        ])
    func written(bytes: Int, text: String) throws {
        #expect(ByteCount(bytes).description == text)
        #expect(try ByteCount.parse(text)?.bytes == bytes)
    }

    @Test("a time is written as it would be read", arguments: ["0", "10ms", "90s", "7d", "1500ms", "3ns"])
    func writtenTime(text: String) throws {
        #expect(try Duration.parse(text)?.unitText == text)
    }
}
