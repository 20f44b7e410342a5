import TestSupport

/// libFuzzer's entry: `make fuzz` links its main and runs it. See ``FuzzEntry`` for what the bytes mean.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzEntry.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
