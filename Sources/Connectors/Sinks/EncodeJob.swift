import Pipelines
import Platform
import Records

/// One full builder on its way to become a batch: finished by whichever thread is free.
final class EncodeJob: EncoderJob, @unchecked Sendable {  // written by one thread, read after the latch has opened
    let partition: Int
    let count: Int
    private var builder: BatchBuilder?
    private let finish: Finish
    private let latch: Latch
    private(set) var result: Result<EncodedBatch, RecordError>?

    /// How batches are finished.
    struct Finish {
        var codec: Codec
        var level: Int?
        var producer: Int64
        var epoch: Int16
        var sequence: Int32
    }

    init(_ builder: BatchBuilder, partition: Int, finish: Finish, latch: Latch) {
        self.partition = partition
        count = builder.count
        self.builder = builder
        self.finish = finish
        self.latch = latch
        latch.enter()
    }

    /// A batch that needs no encoder any more.
    init(done batch: EncodedBatch, partition: Int, finish: Finish) {
        self.partition = partition
        count = batch.count
        self.finish = finish
        latch = Latch()
        result = .success(batch)
    }

    func run() {
        defer { latch.leave() }
        guard let builder else { return }
        do throws(RecordError) {
            result = .success(
                try builder.finish(
                    codec: finish.codec, level: finish.level, producerId: finish.producer,
                    producerEpoch: finish.epoch, baseSequence: finish.sequence))
        } catch {
            result = .failure(error)
        }
        self.builder = nil
    }
}

/// Counts what is under way; open when nothing is.
final class Latch: Sendable {
    private let count = Lock(0)

    func enter() { count.withLock { $0 += 1 } }
    func leave() { count.withLockNotifying { $0 -= 1 } }
    var isOpen: Bool { count.withLock { $0 == 0 } }
    func wait() { _ = count.wait { $0 == 0 ? true : nil } }
}
