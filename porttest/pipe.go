package porttest

import (
	"errors"
	"net"
	"runtime"
	"slices"

	"github.com/completionport/completion"
)

// pipesUnsupported: where there are no named pipes, both calls say so.
func pipesUnsupported(e *env) {
	if e.onSystem() && runtime.GOOS == "windows" {
		e.Skip("Windows has them")
	}
	p := e.port(nil)
	const name = `\\.\pipe\completion-porttest`
	_, err := p.Listen("pipe", name)
	noPipe(e, err, "listen", name)
	_, err = p.Dial(e.ctx, "pipe", name)
	noPipe(e, err, "dial", name)
	e.idle(p)
}

func noPipe(e *env, err error, op, name string) {
	e.Helper()
	var failure *net.OpError
	if !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &failure) {
		e.Fatalf("%s: %v", op, err)
	}
	equal(e, "operation", failure.Op, op)
	equal(e, "network", failure.Net, "pipe")
	equal(e, "address", failure.Addr, net.Addr(completion.PipeAddr(name)))
}

// OverPipes makes all connections that the suite makes for its cases named pipes of Windows.
// Only the cases of families that are about connections run then.
func OverPipes() Option { return func(s *setting) { s.overPipes = true } }

// notOverPipes are cases of these families that do not run over pipes, with the reasons.
var notOverPipes = map[string][]string{
	"a socket half closes": {
		"Buffers/ReadIntoSharedPanics", "LateBuffers/NeitherBufferNorPoolPanics", "LateBuffers/BothBufferAndPoolPanics",
		"Stream/EchoOverTCP4", "Stream/HalfCloseThenRead", "Stream/PeerHalfCloseThenWrite", "Errors/BareEOFIsRepeated",
		"Stream/CloseWriteBesideWaitingRead",
		"Order/SubmitAfterAbortIsAllowed", "Order/CancelBeforeFirstByteAbortsNobody", "Order/BatchesInterleavedWithReads",
		"OrderWhenFull/HalfCloseBehindCutWriteNeedsNoRoom", "OrderWhenBroken/BrokenUntilWaitedFor",
		"Gather/QueuedWritesOfManySizes", "Vectors/VectorMistakesPanic", "SendFile/SendFileWithoutFilePanics",
		"Copy/CopyOnMistakesPanics", "SendFile/SendFileKeepsItsPlace", "SendFile/SendFileOfNothing",
		"SendFile/SendFileOfAFileOfAnotherPortPanics", "Copy/CopyMovesAStream",
		"Copy/CopyToItselfEchoes", "CopyEnds/CopyFromASocketThatIsClosed",
		"Errors/WriteAfterCloseWrite", "Errors/ResetAfterCloseWrite",
		"Errors/ErrorFields", "Errors/ErrorStays", "Close/CloseSocketRaces", "Close/ClosePortRaces",
		"Shutdown/ShutdownEndsReadersAndFinishesWrites", "Shutdown/ShutdownRefuses",
		"Shutdown/ShutdownWithAnotherLeading", "Shutdown/ShutdownFromLoop", "Shutdown/ShutdownsAtOnce",
	},
	"about another kind of socket": {
		"Stream/EchoOverUnix", "Stream/EchoOverTCP6", "Copy/CopyOfAdoptedSockets", "Copy/CopyOfUnixSockets",
		"Close/ClosedHandleRefuses", "Close/StaleSocketClosesNoStranger",
	},
	"a Copy may hold nothing when it is stuck: the pipe has taken all": {"CopyEnds/CopySurvivesTheDrain"},
	"queued writes leave one by one":                                   {"Gather/QueuedWritesLeaveTogether"},
}

func runsOverPipes(family, name string) bool {
	for _, cases := range notOverPipes {
		if slices.Contains(cases, family+"/"+name) {
			return false
		}
	}
	return slices.Contains(securedFamilies, family)
}

// needsSockets skips a case over named pipes.
func (e *env) needsSockets(why string) {
	e.Helper()
	if e.overPipes {
		e.Skipf("needs a socket: %s", why)
	}
}

// setWriteBuffer sets the size of the system's send buffer. A pipe always has 64 KiB.
func (e *env) setWriteBuffer(s *completion.Socket, bytes int) {
	e.Helper()
	if !e.overPipes {
		is(e, s.SetWriteBuffer(bytes), nil)
	}
}
