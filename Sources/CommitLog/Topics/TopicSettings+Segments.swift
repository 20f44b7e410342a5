import Records

extension TopicSettings {
    /// How old a segment's first batch becomes before the next one closes it: as Kafka, in time for what waits in it to be
    /// compacted.
    var segmentLifetime: Int64 {
        cleanupPolicy.contains(.compact) ? min(segmentMilliseconds, maxCompactionLagMilliseconds) : segmentMilliseconds
    }

    /// What is taken off ``segmentLifetime`` for one segment, so that not all partitions that were made together close
    /// theirs at one moment. The same each time it is asked for.
    /// - Parameter seed: differs from partition to partition.
    func jitter(of base: Offset, seed: UInt64) -> Int64 {
        let most = min(segmentJitterMilliseconds, segmentLifetime)
        guard most > 0 else { return 0 }
        // SplitMix64: neighbours come out far from each other.
        var mixed = (UInt64(bitPattern: base) &+ 1) &* 0x9e37_79b9_7f4a_7c15 ^ seed
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return Int64((mixed ^ mixed >> 31) % UInt64(most))
    }

    /// Gives a new segment's file its room on the disk, if it is to have it. Where the disk is too full for that, or cannot
    /// do it, the segment is as good without.
    func preallocate(_ file: any DiskFile) {
        if preallocates { try? file.allocate(segmentBytes) }
    }
}
