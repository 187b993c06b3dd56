/* nncore from C, and from every language that can call C: dense neural networks on a CPU.
 *
 * Networks, data sets and trainers are opaque handles. Whoever makes one releases it with the
 * function of its name that ends in _free. What a handle needs of others it keeps alive by itself:
 * handles may be released in any order. Memory that a caller passes stays the caller's; it is only
 * read or written during the call, but for the rows of a data set (see nncore_dataset_create).
 *
 * Errors: functions return an nncore_status, and nncore_last_error says in words what was wrong,
 * what was expected and what was found. On an error nothing behind the other arguments is changed,
 * unless said otherwise. A handle that is null, of another kind, released already (whatever was
 * made since), or no handle at all gives NNCORE_INVALID_ARGUMENT; so does a null pointer where a
 * value must be. No exception passes the border, nothing is printed, and nothing ends the process.
 *
 * Threads: any number may use one network at once to predict, evaluate and read parameters.
 * Training, and setting parameters, takes the network for itself; whoever comes then gets
 * NNCORE_BUSY. A data set may be shared. A trainer is used by one thread at a time. No handle may
 * be released while another thread uses it.
 *
 * Matrices are row-major. A stride is the distance from one row to the next, in elements; 0 stands
 * for that of rows without a gap.
 *
 * Structures of arguments are meant to be filled with zeros first: a 0 or NULL is the default.
 */
#ifndef NNCORE_H
#define NNCORE_H

/* The version of this header; nncore_version tells that of the library. */
#define NNCORE_VERSION_MAJOR 0
#define NNCORE_VERSION_MINOR 1
#define NNCORE_VERSION_PATCH 0
#define NNCORE_VERSION "0.1.0"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a library shows to those who link with it; all else is hidden. */
#if defined(__GNUC__)
#define NNCORE_API __attribute__((visibility("default")))
#else
#define NNCORE_API
#endif

typedef struct nncore_network nncore_network; /* a network and its parameters */
typedef struct nncore_dataset nncore_dataset; /* samples, checked once */
typedef struct nncore_trainer nncore_trainer; /* an optimiser, its state and its options */

/* Of 32 bits wherever one is passed, so that other languages can bind it. */
typedef int32_t nncore_status;
enum {
  NNCORE_OK = 0,
  NNCORE_INVALID_ARGUMENT = 1, /* out of range, of the wrong shape or dtype, or not finite */
  NNCORE_BUSY = 2,             /* the network is in use in a way that rules this call out */
  NNCORE_FILE_ERROR = 3,       /* a model file cannot be read or written, or is damaged */
  NNCORE_DIVERGED = 4,         /* training left the finite numbers, and was taken back */
  NNCORE_OUT_OF_MEMORY = 5,
  NNCORE_INTERNAL_ERROR = 6 /* a fault in nncore */
};

typedef int32_t nncore_dtype;
enum {
  NNCORE_FLOAT32 = 0,
  NNCORE_FLOAT64 = 1,
  NNCORE_UINT8 = 2,  /* of dense inputs alone, as NNCORE_FLOAT16 is */
  NNCORE_FLOAT16 = 3 /* IEEE half precision, two bytes each */
};

/* ---- the library ------------------------------------------------------------------------- */

/* The message of the calling thread's last call that failed, or "" if none has. It lives until
 * that thread's next call that fails. */
NNCORE_API const char* nncore_last_error(void);

/* Such as "0.1.0". */
NNCORE_API const char* nncore_version(void);

/* The instruction set of the kernels that run on this machine, such as "avx2"; the environment's
 * NNCORE_ISA may name a lesser one. NULL, with a message, if it names one that cannot be had. The
 * text lives for ever. */
NNCORE_API const char* nncore_instruction_set(void);

/* The most threads that a call may use, for the whole process: at first OMP_NUM_THREADS, or the
 * number of processors; then n, which is 1 or more. OMP_THREAD_LIMIT bounds the former. The same
 * with and without OpenMP: without it, threads are made anew for every call that deserves them. */
NNCORE_API nncore_status nncore_set_threads(int n);
NNCORE_API int nncore_threads(void);

/* What can be chosen by name. */
typedef int32_t nncore_kind;
enum {
  NNCORE_ACTIVATIONS = 0,
  NNCORE_COSTS = 1,
  NNCORE_INITIALIZERS = 2,
  NNCORE_OPTIMIZERS = 3,
  NNCORE_SCHEDULES = 4 /* of the learning rate */
};

/* The name with that index, from 0 up; NULL behind the last one. It lives for ever. */
NNCORE_API const char* nncore_name(nncore_kind kind, size_t index);

/* ---- networks: making, files -------------------------------------------------------------- */

typedef struct nncore_hyperparameter {
  const char* name;
  double value;
} nncore_hyperparameter;

typedef struct nncore_architecture {
  const size_t* sizes;            /* units of every layer, the inputs first: `layers` of them */
  size_t layers;                  /* 2 or more */
  const char* const* activations; /* of every layer but the inputs: layers - 1 names */
  const char* cost;               /* NULL: "quadratic" */
  const char* initializer;        /* of all layers; NULL: what suits each layer's activation */
  nncore_dtype dtype;             /* of the parameters and of all that is computed */
  uint64_t seed;                  /* fixes the parameters, every shuffle and every dropout */
  /* Numbers of the cost, the others having their default values: "label_smoothing" of
   * "cross_entropy" and "log_likelihood", "non_crossing" of "pinball", "min_variance" of
   * "gaussian", "gamma" of the focal costs. */
  const nncore_hyperparameter* cost_hyperparameters;
  size_t cost_hyperparameter_count;
  const double* cost_list; /* quantiles of "pinball", weights of the focal costs' classes */
  size_t cost_list_count;  /* 0: the median; weights of 1 */
} nncore_architecture;

/* Makes a network with random parameters: the same architecture, dtype and seed give the same bits,
 * also as in Python. *network is the caller's to release. */
NNCORE_API nncore_status nncore_network_create(const nncore_architecture* architecture,
                                               nncore_network** network);

/* Reads a model file or checkpoint, whoever wrote it: Python, C++ or C. *network is the
 * caller's to release. */
NNCORE_API nncore_status nncore_network_load(const char* path, nncore_network** network);

/* The same from `size` bytes in memory, which are only read during the call. */
NNCORE_API nncore_status nncore_network_load_bytes(const void* bytes, size_t size,
                                                   nncore_network** network);

/* Writes a model file, whole or not at all: an old file of that name is replaced in one step, or
 * not touched. NNCORE_INVALID_ARGUMENT if a parameter is not finite. */
NNCORE_API nncore_status nncore_network_save(const nncore_network* network, const char* path);

/* The bytes of that file: *size says how many there are, and if `capacity` is at least that many
 * they are written to `bytes`; else NNCORE_INVALID_ARGUMENT, with *size set all the same. To ask
 * for the size alone, pass NULL and 0, which is no error. */
NNCORE_API nncore_status nncore_network_save_bytes(const nncore_network* network, void* bytes,
                                                   size_t capacity, size_t* size);

/* A second network with the same parameters, seed and epoch. *copy is the caller's to release. */
NNCORE_API nncore_status nncore_network_copy(const nncore_network* network, nncore_network** copy);

/* Releases a network. NULL is no error. */
NNCORE_API nncore_status nncore_network_free(nncore_network* network);

/* ---- networks: what they are -------------------------------------------------------------- */

typedef struct nncore_network_info {
  const size_t* sizes;            /* units of every layer, the inputs first: `layers` of them */
  size_t layers;                  /* the inputs included */
  const char* const* activations; /* of every layer but the inputs: layers - 1 names */
  const char* cost;
  nncore_dtype dtype;
  uint64_t seed;
  uint64_t epoch; /* epochs trained so far: the key of the next shuffle */
} nncore_network_info;

/* Fills *info. What it points to lives as long as the network. */
NNCORE_API nncore_status nncore_network_get_info(const nncore_network* network,
                                                 nncore_network_info* info);

/* A cost of the program's own, of `rows` rows at once, all in the network's dtype: from `outputs`
 * (rows, output_cols) and `targets` (rows, target_cols), each with its stride in elements, it
 * writes `costs` (rows) and `slopes` (rows, output_cols), the derivatives of each row's cost with
 * respect to its outputs, with slope_stride. Labels come as one-hot rows. Other than 0 ends the
 * call that asked with NNCORE_INVALID_ARGUMENT, undone. It must not raise or jump away, nor use the
 * network. */
typedef struct nncore_cost_call {
  nncore_dtype dtype;
  size_t rows;
  const void* outputs;
  size_t output_cols;
  size_t output_stride;
  const void* targets;
  size_t target_cols;
  size_t target_stride;
  void* costs;
  void* slopes;
  size_t slope_stride;
} nncore_cost_call;
typedef int (*nncore_cost_function)(void* context, const nncore_cost_call* call);

/* The cost of a network that was made with the cost "custom", or whose file says so: files do not
 * hold the function. Called on the thread that trains or measures, as long as the network lives. */
NNCORE_API nncore_status nncore_network_set_cost(nncore_network* network, nncore_cost_function cost,
                                                 void* context);

/* parameters = (1 - tau) parameters + tau other's, with a tau from 0 to 1, of a network of the same
 * sizes and dtype: the way of a target network after the one that learns. */
NNCORE_API nncore_status nncore_network_copy_from(nncore_network* network,
                                                  const nncore_network* other, double tau);

/* Sets how many epochs count as trained. */
NNCORE_API nncore_status nncore_network_set_epoch(nncore_network* network, uint64_t epoch);

/* Copies the weights into layer `layer` out, or in: (out, in) row-major without gaps, as the model
 * file has them. Layers are counted from 0, the one behind the inputs; in = sizes[layer] and
 * out = sizes[layer + 1]. `count` must be in * out, and dtype the network's. Setting refuses NaN
 * and infinity, and a network in use. */
NNCORE_API nncore_status nncore_network_get_weights(const nncore_network* network, size_t layer,
                                                    nncore_dtype dtype, void* weights,
                                                    size_t count);
NNCORE_API nncore_status nncore_network_set_weights(nncore_network* network, size_t layer,
                                                    nncore_dtype dtype, const void* weights,
                                                    size_t count);

/* The same for its biases, (out,). */
NNCORE_API nncore_status nncore_network_get_biases(const nncore_network* network, size_t layer,
                                                   nncore_dtype dtype, void* biases, size_t count);
NNCORE_API nncore_status nncore_network_set_biases(nncore_network* network, size_t layer,
                                                   nncore_dtype dtype, const void* biases,
                                                   size_t count);

/* ---- predicting --------------------------------------------------------------------------- */

/* Inputs, a sample a row: either dense (`data`) or compressed sparse rows (`offsets`).
 *
 * Dense rows may be of NNCORE_UINT8 or NNCORE_FLOAT16, whatever the network's dtype. They are read
 * where they lie, a mini-batch at a time, and an element stands for scale * element + offset:
 * images of bytes take a quarter of their memory in float32, and give its bits. */
typedef struct nncore_inputs {
  nncore_dtype dtype; /* of data or values; the network's, or of dense rows one of those above */
  size_t rows;
  size_t cols;      /* must be the network's number of inputs */
  const void* data; /* (rows, cols), row i at i * stride */
  size_t stride;    /* 0: cols */
  /* Row i holds values[p] in columns[p] for p from offsets[i] to before offsets[i + 1]. */
  const void* values;     /* nonzeros of them */
  const int32_t* columns; /* nonzeros of them, in any order within a row */
  const int64_t* offsets; /* rows + 1 of them; the first is 0, the last at most nonzeros */
  size_t nonzeros;
  double scale;  /* of NNCORE_UINT8 and NNCORE_FLOAT16, such as 1.0 / 255; 0: 1. Else 0 */
  double offset; /* likewise */
} nncore_inputs;

/* Activations of the outputs, (rows, outputs) without gaps, in the network's dtype; `count` must be
 * rows * outputs. Refuses NaN and infinity, naming the place. O(rows * parameters); the threads'
 * first call takes memory, later ones for no more rows do not. */
NNCORE_API nncore_status nncore_network_feedforward(const nncore_network* network,
                                                    const nncore_inputs* x, void* outputs,
                                                    size_t count);

/* Activations of layer `layer`, counted from 0, the one behind the inputs: (rows, out) without
 * gaps, out being sizes[layer + 1]; `count` must be rows * out. As nncore_network_feedforward
 * otherwise, but takes memory for the other layers. */
NNCORE_API nncore_status nncore_network_activations(const nncore_network* network,
                                                    const nncore_inputs* x, size_t layer,
                                                    void* activations, size_t count);

/* Class labels: the index of the largest output, or for one sigmoid, tanh or step output whether it
 * passes 0.5 (tanh: 0). `count` must be rows. As nncore_network_feedforward otherwise. */
NNCORE_API nncore_status nncore_network_predict(const nncore_network* network,
                                                const nncore_inputs* x, int64_t* labels,
                                                size_t count);

/* ---- samples ------------------------------------------------------------------------------ */

typedef struct nncore_samples {
  nncore_inputs x;
  /* What the outputs should be: one of labels and targets. */
  const int64_t* labels; /* a class a row, from 0 up; for a single output 0 or 1 */
  const void* targets;   /* (target_rows, target_cols), of the network's dtype */
  size_t target_rows;    /* of labels or targets; must be x.rows */
  size_t target_cols;    /* of targets; must be the network's number of outputs */
  size_t target_stride;  /* 0: target_cols */
  const void* weights;   /* of the samples, of the network's dtype; NULL: each counts as 1 */
  size_t weight_count;   /* must be x.rows, unless weights is NULL */
} nncore_samples;

/* Checks samples for a network once, for many epochs: shapes, labels in range, targets that suit
 * the cost, sound sparse rows, finite numbers. Other networks that they suit may use them, too.
 * *dataset is the caller's to release.
 *
 * Labels, weights, and the columns and offsets of sparse rows are copied. The memory of dense rows,
 * targets and the values of sparse rows must live, and must not change, for as long as the data
 * set. Dense rows that are mostly zero are copied besides, without their zeros, on which training
 * is faster. */
NNCORE_API nncore_status nncore_dataset_create(const nncore_network* network,
                                               const nncore_samples* samples,
                                               nncore_dataset** dataset);

/* Releases a data set. NULL is no error. */
NNCORE_API nncore_status nncore_dataset_free(nncore_dataset* dataset);

typedef struct nncore_evaluation {
  double cost;     /* mean over the samples (weighted), without penalties */
  double accuracy; /* fraction that is classified rightly (weighted); NaN if there are no labels */
} nncore_evaluation;

NNCORE_API nncore_status nncore_network_evaluate(const nncore_network* network,
                                                 const nncore_dataset* dataset,
                                                 nncore_evaluation* evaluation);

typedef struct nncore_penalty {
  double l2; /* l2 / (2 n) |w|^2 + l1 / n |w|_1 is added to the cost */
  double l1;
  size_t rows; /* n; 0: those of the samples (their summed weights) */
} nncore_penalty;

/* Derivatives of the mean cost of the samples, penalty included (NULL: none): for each layer in
 * turn those of its weights, (out, in) row-major, then those of its biases, (out,), without gaps.
 * `count` must be as many, and dtype the network's. *cost (which may be NULL) receives the cost.
 * Takes memory. */
NNCORE_API nncore_status nncore_network_gradients(const nncore_network* network,
                                                  const nncore_dataset* dataset,
                                                  const nncore_penalty* penalty, nncore_dtype dtype,
                                                  void* gradients, size_t count, double* cost);

/* ---- training ----------------------------------------------------------------------------- */

/* Fills *hyperparameter with the one of that index, from 0 up, of an optimiser, and its default
 * value. NNCORE_INVALID_ARGUMENT behind the last one. The name lives for ever. */
NNCORE_API nncore_status nncore_optimizer_hyperparameter(const char* optimizer, size_t index,
                                                         nncore_hyperparameter* hyperparameter);

/* The same of a cost; see nncore_architecture. */
NNCORE_API nncore_status nncore_cost_hyperparameter(const char* cost, size_t index,
                                                    nncore_hyperparameter* hyperparameter);

/* The same of a schedule. A value of 0 that nncore_schedule_rate refuses stands for no default. */
NNCORE_API nncore_status nncore_schedule_hyperparameter(const char* schedule, size_t index,
                                                        nncore_hyperparameter* hyperparameter);

/* *rate receives what a schedule makes the learning rate of an epoch, counted from 0 as the
 * network's is: "step", say, with a "rate" of 0.5 and a "factor" of 0.1. Hyperparameters that are
 * not given have their default values; NNCORE_INVALID_ARGUMENT for one that has none, or is not the
 * schedule's, or is out of range. */
NNCORE_API nncore_status nncore_schedule_rate(const char* schedule,
                                              const nncore_hyperparameter* hyperparameters,
                                              size_t hyperparameter_count, uint64_t epoch,
                                              double* rate);

typedef struct nncore_train_options {
  size_t batch_size;     /* 0: 10 */
  const char* optimizer; /* NULL: "sgd" */
  /* The optimiser's; the others have their default values. Options of C++'s TrainOptions that are
   * one number may stand here by their names, too; what stands here counts. So may the numbers of
   * an augmentation, which distorts dense rows that are images, anew in each epoch, as in
   * {"augmentation.rotation", 15}; nncore/augmentation.hpp lists and explains them. */
  const nncore_hyperparameter* hyperparameters;
  size_t hyperparameter_count;
  double l2; /* l2 / (2 n) |w|^2 + l1 / n |w|_1 is added to the cost, n being the epoch's rows */
  double l1;
  double max_norm;       /* bound of each unit's incoming weights; 0: none */
  double clip_value;     /* bound of each derivative's absolute value; 0: none */
  double clip_norm;      /* bound of the norm of all derivatives, after clip_value; 0: none */
  const double* dropout; /* rate for the inputs and each hidden layer; NULL: none */
  size_t dropout_count;  /* must be the network's layers - 1, unless dropout is NULL */
  /* Factors of the learning rate: for each layer behind the inputs in turn that of its weights and
   * that of its biases. What has 0 stays as it is. NULL: 1. */
  const double* rates;
  size_t rate_count; /* must be 2 * (the network's layers - 1), unless rates is NULL */
  /* Into how many lanes each mini-batch is cut, which threads and ranks (nncore_collective) share;
   * the bits depend on this number. 0: the library cuts some, by shapes alone. */
  size_t lanes;
} nncore_train_options;

/* Makes a trainer of the network. *trainer is the caller's to release. */
NNCORE_API nncore_status nncore_trainer_create(nncore_network* network,
                                               const nncore_train_options* options,
                                               nncore_trainer** trainer);

/* Other options from now on. The optimiser's memory stays where optimiser and hyperparameters do,
 * and else starts anew. */
NNCORE_API nncore_status nncore_trainer_set_options(nncore_trainer* trainer,
                                                    const nncore_train_options* options);

/* Releases a trainer, the network staying as it is. NULL is no error. */
NNCORE_API nncore_status nncore_trainer_free(nncore_trainer* trainer);

/* How the ranks of a program that trains on several machines exchange what each has computed:
 * nncore links no MPI, and is handed its functions. Every rank makes the same calls with the same
 * arguments but for its data, of which the rows of its own lanes are read alone, and ends with the
 * same bits: those of one process with as many lanes.
 *
 * Both functions receive `ranks` blocks of `bytes` bytes each, the one from rank r in place r. Of
 * what rank r sends it is block `rank`, for all_to_all (MPI_Alltoall), and all of it, one block,
 * for all_gather (MPI_Allgather). They are called with `context` on the thread that trains, and
 * must not raise or jump away. Other than 0 ends the call with NNCORE_INVALID_ARGUMENT, undone, on
 * this rank alone: it is for the program to end the others (MPI_Abort). */
typedef int (*nncore_exchange_function)(void* context, const void* send, void* receive,
                                        size_t bytes);
typedef struct nncore_collective {
  size_t rank;
  size_t ranks; /* 1 or more */
  nncore_exchange_function all_to_all;
  nncore_exchange_function all_gather;
  void* context;
} nncore_collective;

typedef struct nncore_epoch_options {
  double learning_rate;
  int keep_order; /* 0: the rows are shuffled, by the network's seed and epoch; else as they lie */
  int threads;    /* at most so many; 0: the library's setting */
  /* Asked with `context`, on the calling thread, after every mini-batch that the epoch can be
   * stopped behind, until it says other than 0. The epoch then ends there or up to fifteen
   * mini-batches later, but never completes. It must not raise or jump away; the network is busy.
   * NULL: never asked. */
  int (*should_stop)(void* context);
  void* context;
  /* NULL: one rank. The learning rate is rank 0's, and all stop where should_stop of any asks for
   * it: behind the mini-batch after the one that it was asked after. */
  const nncore_collective* collective;
} nncore_epoch_options;

/* Trains the network on every mini-batch of the samples once. *cost (which may be NULL) receives
 * their mean cost, each taken before its mini-batch's update and without penalties. The network's
 * epoch then counts one more, unless should_stop ended it, when *cost is that so far: the next
 * call, with as many rows and the same keep_order, goes on with the mini-batches that remain, and
 * gives the cost of the whole epoch.
 *
 * NNCORE_DIVERGED: a cost or parameter is no longer finite; parameters and the trainer's state are
 * those of before the call. NNCORE_BUSY: the network is in use elsewhere. The same seed gives the
 * same bits at any number of threads. */
NNCORE_API nncore_status nncore_trainer_epoch(nncore_trainer* trainer,
                                              const nncore_dataset* dataset,
                                              const nncore_epoch_options* options, double* cost);

typedef struct nncore_step_options {
  double learning_rate;
  uint64_t batch;      /* the step's number in an epoch that the caller makes: a key of dropout */
  size_t penalty_rows; /* n of the penalties; 0: the rows of this mini-batch */
  int threads;         /* at most so many; 0: the library's setting */
  /* 0: the weighted mean of the rows' costs, for weights of 0 and more; else the mean over the
   * rows, a row's weight being a factor of its cost, of any sign. */
  int mean_over_rows;
  const nncore_collective* collective; /* as in nncore_epoch_options */
} nncore_step_options;

/* One update from the samples as one mini-batch, which may be others at every call: they are
 * checked as those of a data set are, and only read during the call. *cost (which may be NULL)
 * receives their mean cost before the update. Counts no epoch. Errors as nncore_trainer_epoch. */
NNCORE_API nncore_status nncore_trainer_step(nncore_trainer* trainer, const nncore_samples* samples,
                                             const nncore_step_options* options, double* cost);

/* One update from the derivatives of each row's cost with respect to its outputs, (rows, outputs),
 * whatever that cost is, as a policy gradient needs it. The step follows their mean over the rows,
 * each times its weight; `weights` is NULL, or has one for each row, of any sign. `output_gradient`
 * and `weights` are of the network's dtype. */
NNCORE_API nncore_status nncore_trainer_step_gradient(nncore_trainer* trainer,
                                                      const nncore_inputs* x,
                                                      const void* output_gradient,
                                                      size_t gradient_count, const void* weights,
                                                      size_t weight_count,
                                                      const nncore_step_options* options);

/* Mini-batches that the trainer has trained on. */
NNCORE_API nncore_status nncore_trainer_steps(const nncore_trainer* trainer, uint64_t* steps);

/* Writes a checkpoint: a model file that also holds the trainer's state, with which training goes
 * on to the same bits as if it had not stopped; whole or not at all. Batch size, penalties and
 * dropout are not kept. */
NNCORE_API nncore_status nncore_trainer_save(nncore_trainer* trainer, const char* path);

/* Reads a checkpoint, whoever wrote it: makes its network and a trainer of that, both the caller's
 * to release. The options are those the run was started with; their optimizer may be NULL for the
 * checkpoint's own with its hyperparameters, and must else be that one.
 * NNCORE_FILE_ERROR if the file is a damaged checkpoint, or a model without a trainer's state. */
NNCORE_API nncore_status nncore_trainer_resume(const char* path,
                                               const nncore_train_options* options,
                                               nncore_network** network, nncore_trainer** trainer);

/* The same as bytes in memory; capacity and *size are those of nncore_network_save_bytes. The bytes
 * are only read during the call. */
NNCORE_API nncore_status nncore_trainer_save_bytes(nncore_trainer* trainer, void* bytes,
                                                   size_t capacity, size_t* size);
NNCORE_API nncore_status nncore_trainer_resume_bytes(const void* bytes, size_t size,
                                                     const nncore_train_options* options,
                                                     nncore_network** network,
                                                     nncore_trainer** trainer);

#undef NNCORE_API

#ifdef __cplusplus
}
#endif

#endif
