extension String {
    /// The two sides of the first `=`; nothing behind it where there is none.
    var nameAndValue: (String, String) {
        let parts = split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }
}
