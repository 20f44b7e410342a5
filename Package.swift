// swift-tools-version: 6.2
import PackageDescription

/// What every target is compiled with.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// The fence: targets that import C or touch raw memory say `unsafe` at each use.
let fenced: [SwiftSetting] = house + [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "penstock",
    products: [
        .executable(name: "penstock", targets: ["penstock"]),
        .library(name: "AllocationCounter", type: .dynamic, targets: ["CAllocationCounter"]),
        .library(name: "SyncGate", type: .dynamic, targets: ["CSyncGate"]),
    ],
    targets: [
        // One C library each.
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CLZ4"),
        .systemLibrary(name: "CZstd"),
        .systemLibrary(name: "CSnappy"),
        .systemLibrary(name: "CYAML"),
        .systemLibrary(name: "CPCRE2"),
        // The system calls that Glibc's module hides, and the CRC-32C instruction.
        .target(name: "CLinux", path: "Sources/CLinux"),
        // Loaded into the binary under test.
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .target(name: "CSyncGate", path: "Tests/CSyncGate"),

        .target(name: "Platform", dependencies: ["CLinux"], swiftSettings: fenced),
        .target(
            name: "Records", dependencies: ["Platform", "CLinux", "CZlib", "CLZ4", "CZstd", "CSnappy"],
            swiftSettings: fenced),
        .target(name: "CommitLog", dependencies: ["Records", "Platform", "CLinux"], swiftSettings: fenced),
        .target(name: "KafkaProtocol", dependencies: ["Records"], swiftSettings: house),
        .target(
            name: "Broker", dependencies: ["CommitLog", "KafkaProtocol", "Records", "Platform"], swiftSettings: house),
        .target(name: "Sockets", dependencies: ["Records", "Platform", "CLinux"], swiftSettings: fenced),
        .target(
            name: "KafkaServer", dependencies: ["Broker", "Sockets", "KafkaProtocol", "Records", "Platform"],
            swiftSettings: house),
        .target(
            name: "KafkaClient", dependencies: ["KafkaProtocol", "Sockets", "Records", "Platform"],
            swiftSettings: house),
        .target(name: "Settings", dependencies: ["CYAML"], swiftSettings: fenced),
        .target(
            name: "Pipelines", dependencies: ["CommitLog", "Records", "Settings", "Platform"], swiftSettings: house),
        .target(
            name: "Connectors",
            dependencies: ["Pipelines", "CommitLog", "Records", "Settings", "Platform", "CPCRE2"],
            swiftSettings: fenced),
        .executableTarget(
            name: "penstock",
            dependencies: [
                "Broker", "CommitLog", "Connectors", "KafkaClient", "KafkaProtocol", "KafkaServer", "Pipelines",
                "Platform", "Records", "Settings", "Sockets",
            ], swiftSettings: house),

        // For `make bench`: the log alone.
        .executableTarget(
            name: "LogBenchmark", dependencies: ["CommitLog", "Records", "Platform", "TestSupport"],
            path: "Tests/Benchmarks/LogBenchmark", swiftSettings: house),
        .target(
            name: "TestSupport", dependencies: ["CommitLog", "Records", "Platform"], path: "Tests/TestSupport",
            swiftSettings: fenced),
        // What a fuzzer's bytes do, for `make fuzz` and for the seeded mutations in `make test`.
        .target(
            name: "FuzzEntries", dependencies: ["CommitLog", "KafkaProtocol", "Records", "Platform", "TestSupport"],
            path: "Tests/FuzzEntries", swiftSettings: house),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzEntries", "TestSupport"], swiftSettings: house),
        .testTarget(name: "PlatformTests", dependencies: ["Platform"], swiftSettings: house),
        .testTarget(name: "RecordsTests", dependencies: ["Records", "TestSupport"], swiftSettings: house),
        .testTarget(
            name: "CommitLogTests", dependencies: ["CommitLog", "Records", "Platform", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "KafkaProtocolTests", dependencies: ["KafkaProtocol", "Records", "TestSupport"], swiftSettings: house
        ),
        .testTarget(
            name: "KafkaClientTests",
            dependencies: ["KafkaClient", "KafkaProtocol", "Sockets", "Records", "Platform", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "BrokerTests",
            dependencies: ["Broker", "CommitLog", "KafkaProtocol", "Records", "Platform", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "SocketsTests", dependencies: ["Sockets", "Records", "Platform"],
            swiftSettings: house),
        .testTarget(
            name: "KafkaServerTests",
            dependencies: [
                "KafkaServer", "Broker", "CommitLog", "Sockets", "KafkaProtocol", "Records", "Platform",
                "TestSupport",
            ], swiftSettings: house),
        .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: house),
        .testTarget(
            name: "PipelinesTests",
            dependencies: ["Pipelines", "Settings", "Platform", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "ConnectorsTests",
            dependencies: ["Connectors", "Pipelines", "CommitLog", "Records", "Settings", "Platform", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "PenstockTests",
            dependencies: [
                "penstock", "Broker", "CommitLog", "Pipelines", "Settings", "Records", "Platform", "TestSupport",
            ], swiftSettings: house),
        .testTarget(
            name: "EndToEndTests", dependencies: ["CommitLog", "Records", "Platform"], swiftSettings: house),
    ],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings its own main, so this product is there for `make fuzz` only.
if Context.environment["PENSTOCK_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["CommitLog", "FuzzEntries"], path: "Tests/Fuzz", swiftSettings: house))
}
