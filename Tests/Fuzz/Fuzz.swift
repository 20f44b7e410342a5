import CommitLog
import FuzzEntries
import Glibc

/// libFuzzer's entry: `make fuzz` links its main and runs it. See ``FuzzEntry`` for what the bytes mean.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    if let complaint = FuzzEntry.complaint(about: Array(UnsafeBufferPointer(start: start, count: count))) {
        fatalError(complaint)
    }
    return 0
}

/// Called before libFuzzer reads its corpus: the inputs that make sense are put there, where `PENSTOCK_FUZZ_SEEDS` says.
@_cdecl("LLVMFuzzerInitialize")
package func fuzzBegin(_: UnsafeMutableRawPointer?, _: UnsafeMutableRawPointer?) -> CInt {
    guard let directory = getenv("PENSTOCK_FUZZ_SEEDS").map({ String(cString: $0) }) else { return 0 }
    for (number, seed) in FuzzEntry.seeds.enumerated() {
        do throws(DiskError) { try Disk.real.replaceFile("\(directory)/seed-\(number)", with: seed) } catch {
            fatalError("\(error)")
        }
    }
    return 0
}
