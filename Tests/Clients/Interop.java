import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

/**
 * Fills topics by Kafka's own client, and prints what a server serves, so that two servers can be compared line by line.
 *
 * fill ADDRESS PREFIX DIRECTORY [transactions]   topics PREFIX-…, and the groups PREFIX-g0 … PREFIX-g4, at a broker with
 *                                      that data directory: it has compacted a topic when this ends, and does so no more
 * create ADDRESS NAME:PARTITIONS:INDEX_INTERVAL …   empty topics
 * read ADDRESS TOPIC,… [GROUP,…]       every record of every partition at both isolation levels, each topic after a line
 *                                      "== ISOLATION TOPIC"; and after "== offsets" what the groups committed
 */
public class Interop {
    static final long TIME = System.currentTimeMillis() - 3_600_000;

    public static void main(String[] arguments) throws Exception {
        List<String> rest = List.of(arguments).subList(2, arguments.length);
        String address = arguments[1];
        switch (arguments[0]) {
            case "fill" -> fill(address, rest.get(0), rest.get(1), rest.contains("transactions"));
            case "create" -> {
                try (Admin admin = admin(address)) {
                    for (String topic : rest) {
                        String[] parts = topic.split(":");
                        create(admin, parts[0], Integer.parseInt(parts[1]), Map.of("index.interval.bytes", parts[2]));
                    }
                }
            }
            case "read" -> {
                for (String isolation : List.of("read_uncommitted", "read_committed"))
                    for (String topic : rest.get(0).split(",")) read(address, isolation, topic);
                if (rest.size() > 1) offsets(address, rest.get(1).split(","));
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    static byte[] bytes(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    static Admin admin(String address) { return Admin.create(Map.of("bootstrap.servers", address)); }

    static void create(Admin admin, String name, int partitions, Map<String, String> settings) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(settings))).all().get();
    }

    static KafkaProducer<byte[], byte[]> producer(String address, Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", address, "acks", "all", "linger.ms", "5", "batch.size", "9000"));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(String address, Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", address, "enable.auto.commit", "false", "auto.offset.reset", "none"));
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static void fill(String address, String prefix, String directory, boolean transactions) throws Exception {
        Random random = new Random(5);
        try (Admin admin = admin(address)) {
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                String topic = prefix + "-" + codec;
                create(admin, topic, 2, Map.of("segment.bytes", "1048576", "index.interval.bytes", "2048"));
                try (var producer = producer(address, Map.of("compression.type", codec))) {
                    for (int i = 0; i < 9000; i++) {
                        byte[] noise = new byte[random.nextInt(600)];
                        for (int j = 0; j < noise.length; j++) noise[j] = (byte) ("0123456789abcdef".charAt(random.nextInt(16)));
                        var record = new ProducerRecord<>(topic, i % 3 == 0 ? 1 : 0, TIME + i / 7,
                            i % 5 == 0 ? null : bytes("key-" + i % 50), i % 11 == 0 ? null : noise);
                        if (i % 4 == 0) record.headers().add("h", bytes("v" + i)).add("nothing", null);
                        producer.send(record);
                    }
                }
            }
            create(admin, prefix + "-append-time", 1, Map.of("message.timestamp.type", "LogAppendTime"));
            try (var producer = producer(address, Map.of("compression.type", "zstd"))) {
                for (int i = 0; i < 300; i++)
                    producer.send(new ProducerRecord<>(prefix + "-append-time", 0, null, null, bytes("line " + i)));
            }
            compact(admin, address, prefix + "-compact", transactions);
            waitUntilCompacted(address, prefix + "-compact", directory);
            for (int group = 0; group < 5; group++) {
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (String codec : List.of("none", "zstd"))
                    for (int partition = 0; partition < 2; partition++)
                        offsets.put(new TopicPartition(prefix + "-" + codec, partition),
                            new OffsetAndMetadata(100 * group + partition, Optional.empty(), "note " + group));
                // Twice, so that an older commit has to give way.
                for (int round = 0; round < 2; round++) {
                    for (var entry : offsets.entrySet())
                        entry.setValue(new OffsetAndMetadata(entry.getValue().offset() + 7 * round, Optional.empty(), "note " + group));
                    try (var consumer = consumer(address, Map.of("group.id", prefix + "-g" + group))) {
                        consumer.assign(offsets.keySet());
                        consumer.commitSync(offsets);
                    }
                }
            }
            // The last: it ends the program.
            if (transactions) transact(admin, address, prefix + "-txn");
        }
    }

    /** Keys written again and again, some deleted, in segments by their timestamps. */
    static void compact(Admin admin, String address, String topic, boolean transactions) throws Exception {
        create(admin, topic, 1, Map.of(
            "cleanup.policy", "compact", "segment.ms", "1000", "min.cleanable.dirty.ratio", "0.01",
            "delete.retention.ms", "86400000", "max.compaction.lag.ms", "1000"));
        try (var producer = producer(address, Map.of("compression.type", "gzip"))) {
            for (int round = 0; round < 12; round++) {
                for (int key = 0; key < 100; key++) {
                    boolean isDeleted = round > 6 && key % 10 == 0;
                    producer.send(new ProducerRecord<>(topic, 0, TIME + round * 5000L, bytes("k" + key),
                        isDeleted ? null : bytes("value " + round + " of " + key)));
                }
                producer.flush();
            }
        }
        if (!transactions) return;
        try (var producer = producer(address, Map.of("transactional.id", topic))) {
            producer.initTransactions();
            for (int round = 0; round < 6; round++) {
                producer.beginTransaction();
                for (int key = 0; key < 20; key++)
                    producer.send(new ProducerRecord<>(topic, 0, TIME + 100_000L + round * 5000L, bytes("t" + key), bytes("t " + round)));
                if (round % 2 == 0) producer.commitTransaction(); else producer.abortTransaction();
            }
        }
        try (var producer = producer(address, Map.of())) {
            producer.send(new ProducerRecord<>(topic, 0, TIME + 200_000L, bytes("last"), bytes("last")));
        }
    }

    /** Committed, aborted, and one that is still open. */
    static void transact(Admin admin, String address, String topic) throws Exception {
        create(admin, topic, 2, Map.of("segment.bytes", "1048576", "index.interval.bytes", "1000"));
        byte[] filler = new byte[300];
        Arrays.fill(filler, (byte) '.');
        String fill = new String(filler, StandardCharsets.UTF_8);
        try (var plain = producer(address, Map.of());
             var producer = producer(address, Map.of("transactional.id", topic + "-a", "compression.type", "snappy", "transaction.timeout.ms", "600000"));
             var other = producer(address, Map.of("transactional.id", topic + "-b", "compression.type", "none"))) {
            producer.initTransactions();
            other.initTransactions();
            for (int round = 0; round < 12; round++) {
                producer.beginTransaction();
                other.beginTransaction();
                for (int i = 0; i < 250; i++) {
                    producer.send(new ProducerRecord<>(topic, i % 2, TIME + round, bytes("a"), bytes("a " + round + " " + i + fill)));
                    if (i % 3 == 0) other.send(new ProducerRecord<>(topic, i % 2, TIME + round, bytes("b"), bytes("b " + round + " " + i + fill)));
                    if (i % 10 == 0) plain.send(new ProducerRecord<>(topic, i % 2, TIME + round, null, bytes("plain " + round + " " + i)));
                }
                if (round % 3 == 1) producer.abortTransaction(); else producer.commitTransaction();
                if (round % 4 == 2) other.commitTransaction(); else other.abortTransaction();
            }
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, TIME + 50, bytes("a"), bytes("open"))).get();
            plain.send(new ProducerRecord<>(topic, 0, TIME + 50, bytes("p"), bytes("behind the open one"))).get();
            System.out.flush();
            // The transaction stays open: nobody ends it before the server has stopped.
            Runtime.getRuntime().halt(0);
        }
    }

    /**
     * The broker renames a new cleaner-offset-checkpoint into its directory after each cleaning: that is waited for. Then
     * the topic is not compacted any more, so that everyone finds what the first reader found.
     */
    static void waitUntilCompacted(String address, String topic, String directory) throws Exception {
        // 100 keys and 20 of transactions are left, and what the active segment holds.
        int count = 600;
        long end = System.nanoTime() + 120_000_000_000L;
        try (var watcher = FileSystems.getDefault().newWatchService()) {
            Path.of(directory).register(watcher, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
            while (records(address, "read_uncommitted", topic, 0).size() >= count) {
                WatchKey key = watcher.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                if (key == null)
                    throw new IllegalStateException(topic + " was not compacted to fewer than " + count + " records within 120 s");
                key.pollEvents();
                key.reset();
            }
        }
        try (Admin admin = admin(address)) {
            var change = new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic), List.of(change))).all().get();
        }
    }

    static List<ConsumerRecord<byte[], byte[]>> records(String address, String isolation, String topic, int partition) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        try (var consumer = consumer(address, Map.of("isolation.level", isolation, "fetch.max.wait.ms", "50"))) {
            TopicPartition place = new TopicPartition(topic, partition);
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            long end = consumer.endOffsets(List.of(place)).get(place);
            while (consumer.position(place) < end)
                for (var record : consumer.poll(Duration.ofSeconds(1)).records(place)) if (record.offset() < end) records.add(record);
        }
        return records;
    }

    static void read(String address, String isolation, String topic) throws Exception {
        try (Admin admin = admin(address);
             var consumer = consumer(address, Map.of("isolation.level", isolation))) {
            int partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
            StringBuilder text = new StringBuilder("== " + isolation + " " + topic + "\n");
            for (int partition = 0; partition < partitions; partition++) {
                TopicPartition place = new TopicPartition(topic, partition);
                text.append(place).append(" from ").append(consumer.beginningOffsets(List.of(place)).get(place))
                    .append(" to ").append(consumer.endOffsets(List.of(place)).get(place)).append('\n');
                for (var record : records(address, isolation, topic, partition)) {
                    text.append(place).append(' ').append(record.offset()).append(' ').append(record.timestamp()).append(' ')
                        .append(record.timestampType()).append(' ').append(text(record.key())).append(' ').append(text(record.value()));
                    for (Header header : record.headers()) text.append(' ').append(header.key()).append('=').append(text(header.value()));
                    text.append('\n');
                }
                // By time, with the client's own walk over the time index.
                for (long step : List.of(0L, 300L, 1000L, 5000L, 20_000L, 10_000_000L)) {
                    var found = consumer.offsetsForTimes(Map.of(place, firstTime(text, place) + step)).get(place);
                    text.append(place).append(" at +").append(step).append(": ")
                        .append(found == null ? "none" : found.offset() + " " + found.timestamp()).append('\n');
                }
            }
            System.out.print(text);
        }
    }

    /** The timestamp of a partition's first record in what was printed, 0 without any. */
    static long firstTime(StringBuilder text, TopicPartition place) {
        for (String line : text.toString().split("\n")) {
            String[] words = line.split(" ");
            if (words[0].equals(place.toString()) && words.length > 4 && words[1].chars().allMatch(Character::isDigit))
                return Long.parseLong(words[2]);
        }
        return 0;
    }

    /** What is long by its beginning, length and checksum. */
    static String text(byte[] bytes) {
        if (bytes == null) return "null";
        if (bytes.length <= 80) return "'" + new String(bytes, StandardCharsets.UTF_8) + "'";
        var sum = new CRC32C();
        sum.update(bytes);
        return "'" + new String(bytes, 0, 20, StandardCharsets.UTF_8) + "…' " + bytes.length + " bytes, CRC " + Long.toHexString(sum.getValue());
    }

    static void offsets(String address, String[] groups) throws Exception {
        System.out.println("== offsets");
        try (Admin admin = admin(address)) {
            for (String group : groups) {
                var found = new TreeMap<String, String>();
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((place, offset) ->
                    found.put(place.toString(), offset.offset() + " " + offset.metadata()));
                System.out.println(group + " " + found);
            }
        }
    }
}
