extension LogFinding {
    /// With what is to be done about it, of what a repair does not mend.
    var withAdvice: LogFinding {
        guard let advice else { return self }
        var finding = self
        finding.reason += "; \(advice)"
        return finding
    }

    private var advice: String? {
        guard let file = InspectedFile(path) else { return nil }
        switch file.kind {
        case .metadata where reason.contains("registry's"):
            return """
                if the segments beside it are that topic's, remove it, and the next start writes it again; else the next start \
                gives the directory another name
                """
        case .metadata: return reason.contains("next start") ? nil : "the next start of Penstock writes it again"
        case .checkpoint where position == nil && reason.hasPrefix("offset "):
            return """
                if a part of that log is missing, put it back; else correct the line, with Penstock stopped, for the next start \
                would go by it
                """
        case .checkpoint: return "put it back from a copy, or remove it\(lossOfCheckpoint)"
        case .log where !file.isSetAside && position != nil && !reason.hasPrefix("not decoded"):
            return "its checksum is right, so it was written like this; `penstock log dump` shows it"
        case .log, .index, .timeindex, .txnindex, .snapshot, .leaderEpochs, .properties, .text: return nil
        }
    }

    /// What it costs to do without one.
    private var lossOfCheckpoint: String {
        switch OffsetCheckpoint.Name.allCases.first(where: { path.hasSuffix("/\($0.rawValue)") }) {
        case .recoveryPoint?: ": then the next start reads every log whole"
        case .logStart?: ": then records that were deleted may be there again"
        case .cleaner?: ": then compaction begins anew"
        case nil: ""
        }
    }
}
